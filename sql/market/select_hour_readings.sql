-- Purpose: the hour closes of an asset that trend and week of a row of velocity are made from, oldest first.
-- Parameters: asset_id, hour, recent (how far the trend reaches back), days (timestamptz[]: the hours of the week).
-- Reads: market.hourly_close. Writes: nothing.
SELECT
    closes.bucket,
    closes.volume_24h_usd,
    closes.market_cap_usd
FROM market.hourly_close AS closes
WHERE
    closes.asset_id = %(asset_id)s
    AND (
        (closes.bucket >= %(recent)s AND closes.bucket < %(hour)s)
        OR closes.bucket = any(%(days)s)
    )
ORDER BY closes.bucket;
