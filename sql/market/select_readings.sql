-- Purpose: the minute closes of an asset that a row of velocity is made from, oldest first.
-- Parameters: asset_id, start, bucket (the minute of the row).
-- Reads: market.minute_close. Writes: nothing.
SELECT
    closes.bucket,
    closes.volume_24h_usd,
    closes.market_cap_usd,
    closes.provider,
    closes.observed_at
FROM market.minute_close AS closes
WHERE
    closes.asset_id = %(asset_id)s
    AND closes.bucket >= %(start)s
    AND closes.bucket <= %(bucket)s
ORDER BY closes.bucket;
