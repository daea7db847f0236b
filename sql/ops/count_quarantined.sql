-- Purpose: how many rows were refused for the first time in the recent past, by dataset, provider and rule.
-- Parameters: since_seconds.
-- Reads: ops.quarantine. Writes: nothing.
SELECT
    dataset,
    provider,
    rule,
    count(*) AS refused
FROM ops.quarantine
WHERE recorded_at > now() - make_interval(secs => %(since_seconds)s)
GROUP BY dataset, provider, rule
ORDER BY refused DESC, dataset ASC, provider ASC;
