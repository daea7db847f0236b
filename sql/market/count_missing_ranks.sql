-- Purpose: how many assets the universe lacks.
-- Parameters: wanted (its size).
-- Reads: market.assets. Writes: nothing.
SELECT greatest(%(wanted)s - count(*), 0) AS missing
FROM market.assets
WHERE
    is_active
    AND market_cap_rank IS NOT NULL;
