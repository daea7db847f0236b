-- Purpose: the providers that ever answered for a dataset.
-- Parameters: dataset.
-- Reads: ops.slots. Writes: nothing.
SELECT DISTINCT provider
FROM ops.slots
WHERE
    dataset = %(dataset)s
    AND state = 'observed';
