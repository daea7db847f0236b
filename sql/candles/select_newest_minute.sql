-- Purpose: the newest minute that any exchange confirmed.
-- Parameters: starts (timestamptz: how far back to look).
-- Reads: candles.minute_candles. Writes: nothing.
SELECT max(open_time) AS newest
FROM candles.minute_candles
WHERE open_time >= %(starts)s AND is_final;
