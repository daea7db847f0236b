-- Purpose: pairs by their ids.
-- Parameters: symbol_ids (integer[]).
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
WHERE symbol_id = any(%(symbol_ids)s::integer[])
ORDER BY symbol_id;
