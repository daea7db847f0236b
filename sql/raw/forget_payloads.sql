-- Purpose: drop a batch of bodies that were last fetched before an instant.
-- Parameters: before, batch_rows.
-- Writes: raw.payloads.
-- Idempotent: what is gone is not found again.
DELETE FROM raw.payloads
WHERE
    payload_sha256 IN (
        SELECT payload_sha256
        FROM raw.payloads
        WHERE last_fetched_at < %(before)s
        ORDER BY last_fetched_at
        LIMIT %(batch_rows)s
    );
