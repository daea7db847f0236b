-- Purpose: which sample of each provider counts in a minute, in one place for all that is made from samples.
-- Writes: a function in market.
-- Idempotent: no; Alembic runs it once, in one transaction.

CREATE FUNCTION market.last_samples(
    wanted_buckets TIMESTAMPTZ[],
    wanted_assets INTEGER[],
    first_minute TIMESTAMPTZ,
    last_minute TIMESTAMPTZ
)
RETURNS TABLE (
    bucket TIMESTAMPTZ,
    asset_id INTEGER,
    provider TEXT,
    observed_at TIMESTAMPTZ,
    price_usd NUMERIC,
    market_cap_usd NUMERIC,
    volume_24h_usd NUMERIC,
    circulating_supply NUMERIC,
    total_supply NUMERIC,
    max_supply NUMERIC,
    market_cap_rank INTEGER
)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
WITH minutes AS (
    -- Minute by minute: the samples of one lie together, so that scattered minutes cost no more than themselves.
    SELECT
        wanted.bucket,
        array_agg(wanted.asset_id) AS assets
    FROM unnest(wanted_buckets, wanted_assets) AS wanted (bucket, asset_id)
    GROUP BY wanted.bucket
),

listings AS (
    SELECT
        minutes.bucket,
        last_of.*
    FROM minutes
    CROSS JOIN LATERAL (
        SELECT DISTINCT ON (samples.asset_id, samples.provider) samples.*
        FROM raw.market_snapshots AS samples
        WHERE
            samples.observed_at >= minutes.bucket
            AND samples.observed_at < minutes.bucket + interval '1 minute'
            -- Known before it is run, so that no partition but those of the minutes is planned for.
            AND samples.observed_at >= first_minute
            AND samples.observed_at < last_minute + interval '1 minute'
            AND samples.asset_id = any(minutes.assets)
        ORDER BY samples.asset_id ASC, samples.provider ASC, samples.observed_at DESC
    ) AS last_of
),

points AS (
    SELECT
        minutes.bucket,
        last_of.*
    FROM minutes
    CROSS JOIN LATERAL (
        SELECT DISTINCT ON (samples.asset_id, samples.provider) samples.*
        FROM raw.market_chart_points AS samples
        WHERE
            samples.observed_at >= minutes.bucket
            AND samples.observed_at < minutes.bucket + interval '1 minute'
            -- Known before it is run, so that no partition but those of the minutes is planned for.
            AND samples.observed_at >= first_minute
            AND samples.observed_at < last_minute + interval '1 minute'
            AND samples.asset_id = any(minutes.assets)
        ORDER BY samples.asset_id ASC, samples.provider ASC, samples.observed_at DESC
    ) AS last_of
)

SELECT
    bucket,
    asset_id,
    provider,
    observed_at,
    price_usd,
    market_cap_usd,
    volume_24h_usd,
    circulating_supply,
    total_supply,
    max_supply,
    market_cap_rank
FROM listings
UNION ALL
SELECT
    points.bucket,
    points.asset_id,
    points.provider,
    points.observed_at,
    points.price_usd,
    points.market_cap_usd,
    points.volume_24h_usd,
    null AS circulating_supply,
    null AS total_supply,
    null AS max_supply,
    null AS market_cap_rank
FROM points
WHERE NOT EXISTS (
    SELECT 1
    FROM listings
    WHERE
        listings.bucket = points.bucket
        AND listings.asset_id = points.asset_id
        AND listings.provider = points.provider
)
$$;
COMMENT ON FUNCTION market.last_samples(TIMESTAMPTZ[], INTEGER[], TIMESTAMPTZ, TIMESTAMPTZ) IS
'Of each provider the last listing sample in each of the minutes; only where it has none, its last chart point.';
