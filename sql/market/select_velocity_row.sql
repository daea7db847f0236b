-- Purpose: one row of velocity as it is stored, with its status.
-- Parameters: bucket, asset_id.
-- Reads: market.velocity, market.velocity_revisions. Writes: nothing.
SELECT
    figures.velocity,
    figures.velocity_1h,
    figures.velocity_4h,
    figures.velocity_12h,
    figures.velocity_24h,
    figures.velocity_7d,
    figures.trend,
    figures.unavailable,
    figures.formula_version,
    figures.recorded_at,
    CASE
        WHEN now() < figures.bucket + INTERVAL '3 minutes' THEN 'provisional'
        WHEN
            EXISTS (
                SELECT 1
                FROM market.velocity_revisions AS revisions
                WHERE
                    revisions.bucket = figures.bucket
                    AND revisions.asset_id = figures.asset_id
            )
            THEN 'revised'
        ELSE 'final'
    END AS status
FROM market.velocity AS figures
WHERE
    figures.bucket = %(bucket)s
    AND figures.asset_id = %(asset_id)s;
