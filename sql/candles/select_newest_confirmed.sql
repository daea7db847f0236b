-- Purpose: of each pair the newest minute that the exchange confirmed.
-- Parameters: symbol_ids (integer[]), starts (timestamptz: how far back to look).
-- Reads: candles.minute_candles. Writes: nothing.
SELECT
    symbol_id,
    max(open_time) AS newest
FROM candles.minute_candles
WHERE open_time >= %(starts)s AND symbol_id = any(%(symbol_ids)s::integer[]) AND is_final
GROUP BY symbol_id
ORDER BY symbol_id;
