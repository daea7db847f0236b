-- Purpose: how many assets were expected and observed in each slot of a stretch, over all providers that were due.
-- Parameters: dataset, starts, ends.
-- Reads: ops.slots. Writes: nothing.
SELECT
    slot,
    sum(assets_expected)::int AS expected,
    sum(assets_observed)::int AS observed
FROM ops.slots
WHERE
    dataset = %(dataset)s
    AND slot >= %(starts)s
    AND slot < %(ends)s
GROUP BY slot
ORDER BY slot;
