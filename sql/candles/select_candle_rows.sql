-- Purpose: the final minutes of a symbol in a period, as they are exported beside a certificate.
-- Parameters: symbol_id (int), starts, ends (timestamptz).
-- Reads: candles.minute_candles. Writes: nothing.
SELECT
    open_time,
    open,
    high,
    low,
    close,
    volume,
    quote_volume,
    trade_count,
    taker_base_volume,
    taker_quote_volume
FROM candles.minute_candles
WHERE symbol_id = %(symbol_id)s AND open_time >= %(starts)s AND open_time < %(ends)s AND is_final
ORDER BY open_time;
