-- Purpose: of each pair the first day that has a candle.
-- Parameters: symbol_ids (integer[]).
-- Reads: candles.coarse_candles. Writes: nothing.
SELECT
    symbol_id,
    min(open_time) AS first_day
FROM candles.coarse_candles
WHERE interval = '1d' AND symbol_id = any(%(symbol_ids)s::integer[])
GROUP BY symbol_id
ORDER BY symbol_id;
