-- Purpose: providers with failed calls in the recent past, with the newest complaint.
-- Parameters: since_seconds.
-- Reads: raw.fetches. Writes: nothing.
SELECT
    provider,
    count(*) AS calls,
    count(*) FILTER (WHERE outcome <> 'ok') AS failed,
    (array_agg(error ORDER BY started_at DESC) FILTER (WHERE outcome <> 'ok'))[1] AS last_error
FROM raw.fetches
WHERE started_at > now() - make_interval(secs => %(since_seconds)s)
GROUP BY provider
HAVING count(*) FILTER (WHERE outcome <> 'ok') > 0
ORDER BY provider;
