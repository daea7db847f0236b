-- Purpose: every sample of an asset in a span of time, and whether the answer that held it is still kept.
-- Parameters: asset_id, start, until (exclusive).
-- Reads: raw.market_snapshots, raw.market_chart_points, raw.payloads. Writes: nothing.
WITH samples AS (
    SELECT
        'listing' AS kind,
        provider,
        observed_at,
        slot,
        fetched_at,
        price_usd,
        market_cap_usd,
        volume_24h_usd,
        payload_sha256,
        run_id,
        recorded_at
    FROM raw.market_snapshots
    WHERE
        asset_id = %(asset_id)s
        AND observed_at >= %(start)s
        AND observed_at < %(until)s
    UNION ALL
    SELECT
        'chart' AS kind,
        provider,
        observed_at,
        NULL AS slot,
        fetched_at,
        price_usd,
        market_cap_usd,
        volume_24h_usd,
        payload_sha256,
        run_id,
        recorded_at
    FROM raw.market_chart_points
    WHERE
        asset_id = %(asset_id)s
        AND observed_at >= %(start)s
        AND observed_at < %(until)s
)

SELECT
    samples.kind,
    samples.provider,
    samples.observed_at,
    samples.slot,
    samples.fetched_at,
    samples.price_usd,
    samples.market_cap_usd,
    samples.volume_24h_usd,
    encode(samples.payload_sha256, 'hex') AS payload_sha256,
    payloads.payload_sha256 IS NOT NULL AS is_body_kept,
    samples.run_id,
    samples.recorded_at
FROM samples
LEFT JOIN raw.payloads AS payloads ON samples.payload_sha256 = payloads.payload_sha256
-- What counts comes last: listings after charts, the later after the earlier.
ORDER BY samples.provider ASC, samples.kind ASC, samples.observed_at ASC;
