-- Purpose: the close of given minutes of given assets, from the sample of each provider that counts.
-- Parameters: buckets (timestamptz[]), assets (int[]), low, high (first and last bucket), priority (text[]), version.
-- Reads: market.last_samples. Writes: nothing.
WITH latest AS MATERIALIZED (
    SELECT *
    FROM market.last_samples(
        %(buckets)s::timestamptz[], %(assets)s::int[], %(low)s::timestamptz, %(high)s::timestamptz
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
