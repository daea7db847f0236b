-- Purpose: the newest bucket of each close.
-- Reads: market.minute_close, market.hourly_close, market.daily_close, market.weekly_close, market.monthly_close.
-- Writes: nothing.
SELECT
    'minute' AS grain,
    max(bucket) AS newest
FROM market.minute_close
UNION ALL
SELECT
    'hour' AS grain,
    max(bucket) AS newest
FROM market.hourly_close
UNION ALL
SELECT
    'day' AS grain,
    max(bucket) AS newest
FROM market.daily_close
UNION ALL
SELECT
    'week' AS grain,
    max(bucket) AS newest
FROM market.weekly_close
UNION ALL
SELECT
    'month' AS grain,
    max(bucket) AS newest
FROM market.monthly_close;
