-- Purpose: what a provider was asked since an instant, as far back as calls are kept.
-- Parameters: provider, since.
-- Reads: raw.fetches. Writes: nothing.
SELECT
    count(*) AS calls,
    coalesce(sum(credits), 0)::bigint AS credits
FROM raw.fetches
WHERE
    provider = %(provider)s
    AND started_at > %(since)s;
