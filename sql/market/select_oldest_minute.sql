-- Purpose: the oldest minute that is kept, and whether older ones were: their hours are kept for ever.
-- Reads: market.minute_close, market.hourly_close. Writes: nothing.
WITH oldest AS (
    SELECT min(closes.bucket) AS bucket
    FROM market.minute_close AS closes
)

SELECT
    oldest.bucket,
    coalesce(
        (
            SELECT min(hours.bucket) < date_bin('1 hour', oldest.bucket, 'epoch')
            FROM market.hourly_close AS hours
        ),
        false
    ) AS were_older
FROM oldest;
