-- Purpose: drop a batch of fetch records that are older than an instant.
-- Parameters: before, batch_rows.
-- Writes: raw.fetches.
-- Idempotent: what is gone is not found again.
DELETE FROM raw.fetches
WHERE
    fetch_id IN (
        SELECT fetch_id
        FROM raw.fetches
        WHERE started_at < %(before)s
        ORDER BY started_at
        LIMIT %(batch_rows)s
    );
