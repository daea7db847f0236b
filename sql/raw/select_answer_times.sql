-- Purpose: how long providers took to answer in the recent past.
-- Parameters: since_seconds.
-- Reads: raw.fetches. Writes: nothing.
SELECT
    provider,
    (avg(elapsed_ms) / 1000.0)::float8 AS mean_seconds
FROM raw.fetches
WHERE
    started_at > now() - make_interval(secs => %(since_seconds)s)
    AND outcome = 'ok'
GROUP BY provider
ORDER BY provider;
