-- Purpose: which of the given providers ever answered for a dataset; one observed slot of each is looked at.
-- Parameters: dataset, providers (text[]).
-- Reads: ops.slots. Writes: nothing.
SELECT asked.provider
FROM unnest(%(providers)s::text[]) AS asked (provider)
WHERE EXISTS (
    SELECT 1
    FROM ops.slots
    WHERE
        slots.dataset = %(dataset)s
        AND slots.provider = asked.provider
        AND slots.state = 'observed'
);
