-- Purpose: what became of a dataset's slots in a span of time.
-- Parameters: dataset, start, until (exclusive).
-- Reads: ops.slots. Writes: nothing.
SELECT
    provider,
    state,
    count(*) AS slots,
    max(reason) AS reason
FROM ops.slots
WHERE
    dataset = %(dataset)s
    AND slot >= %(start)s
    AND slot < %(until)s
GROUP BY provider, state
ORDER BY provider, state;
