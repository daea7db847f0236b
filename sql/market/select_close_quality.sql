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

spread AS (
    SELECT
        bucket,
        asset_id,
        count(*) AS sources,
        array_agg(price_usd ORDER BY price_usd) AS prices,
        array_agg(volume_24h_usd ORDER BY volume_24h_usd) FILTER (WHERE volume_24h_usd IS NOT NULL) AS volumes,
        array_agg(market_cap_usd ORDER BY market_cap_usd) FILTER (WHERE market_cap_usd IS NOT NULL) AS caps,
        array_agg(circulating_supply ORDER BY circulating_supply)
            FILTER (WHERE circulating_supply IS NOT NULL) AS supplies
    FROM latest
    GROUP BY bucket, asset_id
),

terms AS (
    SELECT
        believed.bucket,
        believed.asset_id,
        spread.sources,
        round(
            (6 - num_nulls(
                believed.price_usd,
                believed.market_cap_usd,
                believed.volume_24h_usd,
                believed.circulating_supply,
                believed.total_supply,
                believed.market_cap_rank
            ) + num_nonnulls(believed.max_supply))::numeric / (6 + num_nonnulls(believed.max_supply)),
            6
        ) AS completeness,
        greatest(
            1 - round(
                greatest(
                    extract(EPOCH FROM believed.bucket + interval '1 minute' - believed.observed_at) - 60, 0
                ) / 240,
                6
            ),
            0
        ) AS freshness,
        sources_agree.agreement,
        rules_hold.integrity
    FROM believed
    INNER JOIN spread
        ON
            believed.bucket = spread.bucket
            AND believed.asset_id = spread.asset_id
    -- Each figure beside the other one of two sources, or the middle of three and more.
    LEFT JOIN LATERAL (
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
            ) AS agreement
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
    ) AS sources_agree ON spread.sources > 1
    CROSS JOIN LATERAL (
        SELECT round(avg(rules.holds::int), 6) AS integrity
        FROM (
            VALUES
            (believed.circulating_supply <= believed.total_supply),
            (believed.circulating_supply <= believed.max_supply),
            (believed.total_supply <= believed.max_supply),
            (
                abs(
                    round(
                        believed.market_cap_usd / nullif(believed.price_usd * believed.circulating_supply, 0), 6
                    ) - 1
                ) <= 0.03
            )
        ) AS rules (holds)
    ) AS rules_hold
),

scored AS (
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
    jsonb_strip_nulls(
        jsonb_build_object(
            'agreement',
            CASE
                WHEN scored.agreement IS NOT NULL THEN NULL
                WHEN scored.sources = 1 THEN 'single_source'
                ELSE 'nothing_to_compare'
            END,
            'integrity',
            CASE WHEN scored.integrity IS NULL THEN 'no_rule_applies' END
        )
    ) AS unavailable,
    %(version)s::smallint AS formula_version
FROM scored;
