-- Purpose: the days in a span on which pairs have minutes: a day with one has its candle since the same transaction.
-- Parameters: starts, ends (timestamptz).
-- Reads: candles.coarse_candles. Writes: nothing.
SELECT
    symbol_id,
    array_agg(open_time ORDER BY open_time) AS days
FROM candles.coarse_candles
WHERE interval = '1d' AND open_time >= %(starts)s AND open_time < %(ends)s
GROUP BY symbol_id;
