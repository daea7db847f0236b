-- Purpose: the pairs that have minutes in a span.
-- Parameters: starts, ends (timestamptz).
-- Reads: candles.minute_candles. Writes: nothing.
SELECT DISTINCT symbol_id
FROM candles.minute_candles
WHERE open_time >= %(starts)s AND open_time < %(ends)s
ORDER BY symbol_id;
