-- Purpose: how much of a stretch of minutes is not wholly in the hours, so that the minutes must not go yet.
-- Parameters: starts, ends.
-- Reads: raw.market_snapshots, raw.market_chart_points, market.minute_close, market.hourly_close, ops.dirty_buckets.
-- Writes: nothing.
WITH samples AS (
    SELECT
        asset_id,
        date_bin('1 minute', observed_at, 'epoch') AS bucket
    FROM raw.market_snapshots
    WHERE
        observed_at >= %(starts)s
        AND observed_at < %(ends)s
    UNION DISTINCT
    SELECT
        asset_id,
        date_bin('1 minute', observed_at, 'epoch') AS bucket
    FROM raw.market_chart_points
    WHERE
        observed_at >= %(starts)s
        AND observed_at < %(ends)s
),

minutes AS (
    SELECT
        asset_id,
        date_bin('1 hour', bucket, 'epoch') AS hour,
        count(*) AS samples,
        max(price_usd) AS high_usd,
        min(price_usd) AS low_usd,
        min(bucket) AS first_at,
        max(bucket) AS last_at
    FROM market.minute_close
    WHERE
        bucket >= %(starts)s
        AND bucket < %(ends)s
    GROUP BY asset_id, date_bin('1 hour', bucket, 'epoch')
)

SELECT
    (
        SELECT count(*)
        FROM samples
        LEFT JOIN market.minute_close AS closes
            ON
                samples.asset_id = closes.asset_id
                AND samples.bucket = closes.bucket
                AND closes.bucket >= %(starts)s
                AND closes.bucket < %(ends)s
        WHERE closes.asset_id IS NULL
    ) AS samples_without_close,
    (
        SELECT count(*)
        FROM minutes
        LEFT JOIN market.hourly_close AS hours
            ON
                minutes.asset_id = hours.asset_id
                AND minutes.hour = hours.bucket
        WHERE
            hours.asset_id IS NULL
            OR hours.samples < minutes.samples
            OR hours.high_usd < minutes.high_usd
            OR hours.low_usd > minutes.low_usd
            OR hours.first_at > minutes.first_at
            OR hours.last_at < minutes.last_at
    ) AS hours_that_differ,
    (
        SELECT count(*)
        FROM ops.dirty_buckets
        WHERE
            grain IN ('hour', 'velocity')
            AND bucket >= %(starts)s
            AND bucket < %(ends)s
    ) AS hours_to_build;
