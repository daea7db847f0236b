-- Purpose: how many assets a provider last ranked in a stretch of the ranking.
-- Parameters: provider, first_rank, last_rank.
-- Reads: ops.last_samples. Writes: nothing.
SELECT count(*)
FROM ops.last_samples
WHERE
    provider = %(provider)s
    AND market_cap_rank BETWEEN %(first_rank)s AND %(last_rank)s;
