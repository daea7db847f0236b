-- Purpose: whole answers that wait in quarantine for the same reason as one of them, the oldest first.
-- Parameters: held_id.
-- Reads: ops.quarantine_batches. Writes: nothing.
SELECT 'b' || alike.batch_id AS held_id
FROM ops.quarantine_batches AS one
INNER JOIN ops.quarantine_batches AS alike
    ON
        one.dataset = alike.dataset
        AND one.provider = alike.provider
        AND one.rule = alike.rule
WHERE
    one.batch_id = %(held_id)s
    AND (alike.state = 'waiting' OR alike.batch_id = one.batch_id)
ORDER BY alike.batch_id;
