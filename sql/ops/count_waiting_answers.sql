-- Purpose: whole answers that wait in quarantine, one line for each dataset, provider and what they have become.
-- Reads: ops.quarantine_batches. Writes: nothing.
SELECT
    dataset,
    provider,
    rule,
    count(*) AS answers,
    sum(row_count) AS answer_rows,
    min(recorded_at) AS since,
    max(last_seen_at) AS last_seen_at,
    min(batch_id) AS first_id,
    max(batch_id) AS last_id,
    (array_agg(reason ORDER BY batch_id DESC))[1] AS newest_reason
FROM ops.quarantine_batches
WHERE state = 'waiting'
GROUP BY dataset, provider, rule
ORDER BY dataset, provider, rule;
