-- Purpose: how far the closes of given minutes of given assets can be relied on, from the samples that count.
-- Parameters: buckets (timestamptz[]), assets (int[]), low, high (first and last bucket), priority (text[]), version.
-- Reads: market.last_samples. Writes: nothing.
WITH latest AS MATERIALIZED (
    SELECT *
    FROM market.last_samples(
        %(buckets)s::timestamptz[], %(assets)s::int[], %(low)s::timestamptz, %(high)s::timestamptz
    )
),

believed AS (
    SELECT DISTINCT ON (latest.bucket, latest.asset_id) latest.*
    FROM latest
    ORDER BY
        latest.bucket ASC,
        latest.asset_id ASC,
        array_position(%(priority)s::text[], latest.provider) ASC NULLS LAST,
        latest.provider ASC
),

-- What one source says alone is compared with nothing.
said_twice AS (
    SELECT
        bucket,
        asset_id
    FROM latest
    GROUP BY bucket, asset_id
    HAVING count(*) > 1
),

spread AS (
    SELECT
        latest.bucket,
        latest.asset_id,
        array_agg(latest.price_usd ORDER BY latest.price_usd) AS prices,
        array_agg(latest.volume_24h_usd ORDER BY latest.volume_24h_usd)
            FILTER (WHERE latest.volume_24h_usd IS NOT NULL) AS volumes,
        array_agg(latest.market_cap_usd ORDER BY latest.market_cap_usd)
            FILTER (WHERE latest.market_cap_usd IS NOT NULL) AS caps,
        array_agg(latest.circulating_supply ORDER BY latest.circulating_supply)
            FILTER (WHERE latest.circulating_supply IS NOT NULL) AS supplies
    FROM said_twice
    INNER JOIN latest
        ON
            said_twice.bucket = latest.bucket
            AND said_twice.asset_id = latest.asset_id
    GROUP BY latest.bucket, latest.asset_id
),

-- Each figure beside the other one of two sources, or the middle of three and more.
agreed AS (
    SELECT
        spread.bucket,
        spread.asset_id,
        (
            SELECT
                round(
                    avg(
                        CASE
                            WHEN compared.against = 0 AND figures.value = 0 THEN 1
                            WHEN compared.against = 0 THEN 0
                            ELSE
                                1 - least(
                                    round(
                                        greatest(
                                            abs(round(figures.value / compared.against, 6) - 1) - figures.tolerance, 0
                                        ) / (4 * figures.tolerance),
                                        6
                                    ),
                                    1
                                )
                        END
                    ),
                    6
                )
            FROM (
                VALUES
                (0.005, believed.price_usd, spread.prices),
                (0.20, believed.volume_24h_usd, spread.volumes),
                (0.03, believed.market_cap_usd, spread.caps),
                (0.02, believed.circulating_supply, spread.supplies)
            ) AS figures (tolerance, value, said)
            CROSS JOIN LATERAL (
                SELECT
                    CASE
                        WHEN cardinality(figures.said) = 2 THEN figures.said[1] + figures.said[2] - figures.value
                        ELSE
                            (
                                figures.said[(cardinality(figures.said) + 1) / 2]
                                + figures.said[(cardinality(figures.said) + 2) / 2]
                            ) * 0.5
                    END AS against
            ) AS compared
            WHERE
                cardinality(figures.said) >= 2
                AND figures.value IS NOT NULL
        ) AS agreement
    FROM spread
    INNER JOIN believed
        ON
            spread.bucket = believed.bucket
            AND spread.asset_id = believed.asset_id
),

-- From here on materialized: each figure enters several others, and would be computed anew for each of them.
ruled AS MATERIALIZED (
    SELECT
        believed.*,
        believed.circulating_supply <= believed.total_supply AS within_total,
        believed.circulating_supply <= believed.max_supply AS within_max,
        believed.total_supply <= believed.max_supply AS total_within_max,
        abs(
            round(believed.market_cap_usd / nullif(believed.price_usd * believed.circulating_supply, 0), 6) - 1
        ) <= 0.03 AS cap_fits
    FROM believed
),

terms AS MATERIALIZED (
    SELECT
        ruled.bucket,
        ruled.asset_id,
        agreed.asset_id IS NULL AS is_single,
        round(
            (6 - num_nulls(
                ruled.price_usd,
                ruled.market_cap_usd,
                ruled.volume_24h_usd,
                ruled.circulating_supply,
                ruled.total_supply,
                ruled.market_cap_rank
            ) + num_nonnulls(ruled.max_supply))::numeric / (6 + num_nonnulls(ruled.max_supply)),
            6
        ) AS completeness,
        greatest(
            1 - round(
                greatest(
                    extract(EPOCH FROM ruled.bucket + interval '1 minute' - ruled.observed_at) - 60, 0
                ) / 240,
                6
            ),
            0
        ) AS freshness,
        agreed.agreement,
        round(
            (
                coalesce(ruled.within_total::int, 0)
                + coalesce(ruled.within_max::int, 0)
                + coalesce(ruled.total_within_max::int, 0)
                + coalesce(ruled.cap_fits::int, 0)
            )::numeric
            / nullif(num_nonnulls(ruled.within_total, ruled.within_max, ruled.total_within_max, ruled.cap_fits), 0),
            6
        ) AS integrity
    FROM ruled
    LEFT JOIN agreed
        ON
            ruled.bucket = agreed.bucket
            AND ruled.asset_id = agreed.asset_id
),

scored AS MATERIALIZED (
    SELECT
        terms.*,
        round(
            (
                0.35 * terms.completeness
                + 0.25 * terms.freshness
                + coalesce(0.25 * terms.agreement, 0)
                + coalesce(0.15 * terms.integrity, 0)
            ) / (
                0.60
                + CASE WHEN terms.agreement IS NULL THEN 0 ELSE 0.25 END
                + CASE WHEN terms.integrity IS NULL THEN 0 ELSE 0.15 END
            ),
            6
        ) AS score
    FROM terms
)

SELECT
    scored.bucket,
    scored.asset_id,
    scored.score AS data_quality_score,
    CASE
        WHEN scored.score >= 0.9 THEN 'High'
        WHEN scored.score >= 0.7 THEN 'Medium'
        ELSE 'Low'
    END AS tier,
    scored.completeness,
    scored.freshness,
    scored.agreement,
    scored.integrity,
    CASE
        WHEN scored.agreement IS NOT NULL THEN '{}'
        WHEN scored.is_single THEN '{"agreement": "single_source"}'
        ELSE '{"agreement": "nothing_to_compare"}'
    END::jsonb
    || CASE WHEN scored.integrity IS NULL THEN '{"integrity": "no_rule_applies"}' ELSE '{}' END::jsonb AS unavailable,
    %(version)s::smallint AS formula_version
FROM scored;
