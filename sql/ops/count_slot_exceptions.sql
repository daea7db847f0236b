-- Purpose: how many assets differ from a slot, by state and reason.
-- Parameters: dataset, provider, slot.
-- Reads: ops.slot_exceptions. Writes: nothing.
SELECT
    state,
    reason,
    count(*) AS assets
FROM ops.slot_exceptions
WHERE
    dataset = %(dataset)s
    AND provider = %(provider)s
    AND slot = %(slot)s
GROUP BY state, reason
ORDER BY assets DESC, state ASC;
