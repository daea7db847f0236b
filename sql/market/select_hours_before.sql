-- Purpose: whether hours within a day before an instant have closes: one of them.
-- Parameters: instant.
-- Reads: market.hourly_close. Writes: nothing.
SELECT closes.bucket
FROM market.hourly_close AS closes
WHERE
    closes.bucket < %(instant)s
    AND closes.bucket >= %(instant)s::timestamptz - interval '25 hours'
ORDER BY closes.bucket DESC
LIMIT 1;
