-- Purpose: what was decided of answers that once waited in quarantine.
-- Parameters: dataset, answers (hashes).
-- Reads: ops.quarantine_batches. Writes: nothing.
SELECT
    provider,
    payload_sha256,
    state,
    rule,
    reason
FROM ops.quarantine_batches
WHERE
    payload_sha256 = any(%(answers)s::bytea[])
    AND dataset = %(dataset)s
    AND state <> 'waiting';
