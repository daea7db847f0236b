-- Purpose: the newest minute that has a close: a month knows the last minute of each of its assets.
-- Reads: market.monthly_close. Writes: nothing.
SELECT closes.last_at
FROM market.monthly_close AS closes
WHERE closes.bucket >= (SELECT max(newest.bucket) FROM market.monthly_close AS newest)
ORDER BY closes.last_at DESC
LIMIT 1;
