-- Purpose: how the live feeds of symbols stood when that was last said.
-- Parameters: symbol_ids (integer[]).
-- Reads: candles.trade_feeds. Writes: nothing.
SELECT
    symbol_id,
    state,
    state_since,
    reason,
    first_trade_id,
    next_trade_id,
    whole_from,
    whole_until,
    lag_ms,
    waiting,
    trades_stored,
    trades_refilled
FROM candles.trade_feeds
WHERE symbol_id = any(%(symbol_ids)s::integer[])
ORDER BY symbol_id;
