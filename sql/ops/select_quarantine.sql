-- Purpose: what is in quarantine, whole answers and rows alike, the newest first, with the number of all of them.
-- Parameters: dataset, provider, since (each NULL: any; since: last seen then or later), waiting_only, most.
-- Reads: ops.quarantine_batches, ops.quarantine. Writes: nothing.
WITH held AS (
    SELECT
        'b' || batch_id AS held_id,
        dataset,
        provider,
        rule,
        reason,
        row_count,
        times_seen,
        recorded_at,
        last_seen_at,
        state
    FROM ops.quarantine_batches
    UNION ALL
    SELECT
        'r' || quarantine_id AS held_id,
        dataset,
        provider,
        rule,
        reason,
        1 AS row_count,
        times_seen,
        recorded_at,
        last_seen_at,
        state
    FROM ops.quarantine
)

SELECT
    held_id,
    dataset,
    provider,
    rule,
    reason,
    row_count,
    times_seen,
    recorded_at,
    last_seen_at,
    state,
    count(*) OVER () AS in_all
FROM held
WHERE
    (%(dataset)s::text IS NULL OR dataset = %(dataset)s)
    AND (%(provider)s::text IS NULL OR provider = %(provider)s)
    AND (%(since)s::timestamptz IS NULL OR last_seen_at >= %(since)s)
    AND (NOT %(waiting_only)s OR state = 'waiting')
-- Whole answers before rows: one of them holds back more than any row.
ORDER BY left(held_id, 1) ASC, last_seen_at DESC, held_id DESC
LIMIT %(most)s;
