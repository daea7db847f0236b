-- Purpose: the close of given minutes of given assets, from every provider's last sample in the minute.
-- Of each provider the last listing sample in the minute counts; only where it has none, its last chart point does.
-- Parameters: buckets (timestamptz[]), assets (int[]), priority (text[]), version.
-- Reads: raw.market_snapshots, raw.market_chart_points. Writes: nothing.
WITH minutes AS (
    -- Minute by minute: the samples of one lie together, so that scattered minutes cost no more than themselves.
    SELECT
        wanted.bucket,
        array_agg(wanted.asset_id) AS assets
    FROM unnest(%(buckets)s::timestamptz[], %(assets)s::int[]) AS wanted (bucket, asset_id)
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
            AND samples.asset_id = any(minutes.assets)
        ORDER BY samples.asset_id ASC, samples.provider ASC, samples.observed_at DESC
    ) AS last_of
),

latest AS (
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
),

spread AS (
    SELECT
        bucket,
        asset_id,
        count(*) AS sources,
        array_agg(price_usd ORDER BY price_usd) AS prices
    FROM latest
    GROUP BY bucket, asset_id
),

middle AS (
    SELECT
        bucket,
        asset_id,
        sources,
        trim_scale((prices[(sources + 1) / 2] + prices[(sources + 2) / 2]) * 0.5) AS median_usd,
        prices[sources] - prices[1] AS width_usd
    FROM spread
),

believed AS (
    SELECT DISTINCT ON (latest.bucket, latest.asset_id) latest.*
    FROM latest
    ORDER BY
        latest.bucket ASC,
        latest.asset_id ASC,
        array_position(%(priority)s::text[], latest.provider) ASC NULLS LAST,
        latest.provider ASC
)

SELECT
    believed.bucket,
    believed.asset_id,
    CASE WHEN middle.sources >= 3 THEN middle.median_usd ELSE believed.price_usd END AS price_usd,
    believed.market_cap_usd,
    believed.volume_24h_usd,
    believed.circulating_supply,
    believed.total_supply,
    believed.max_supply,
    believed.market_cap_rank,
    believed.provider,
    middle.sources::smallint AS sources,
    round(middle.width_usd / middle.median_usd, 12) AS dispersion,
    believed.observed_at,
    %(version)s::smallint AS formula_version
FROM believed
INNER JOIN middle
    ON
        believed.bucket = middle.bucket
        AND believed.asset_id = middle.asset_id;
