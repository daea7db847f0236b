-- Purpose: how many assets there are, and how many of them are active.
-- Reads: market.assets. Writes: nothing.
SELECT
    count(*) AS assets,
    count(*) FILTER (WHERE is_active) AS active
FROM market.assets;
