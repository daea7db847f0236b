-- Purpose: the pairs of an exchange.
-- Parameters: exchange (text).
-- Reads: candles.symbols. Writes: nothing.
SELECT
    symbol_id,
    exchange,
    symbol,
    base,
    quote,
    status,
    listed_at,
    delisted_at,
    asset_id
FROM candles.symbols
WHERE exchange = %(exchange)s
ORDER BY symbol;
