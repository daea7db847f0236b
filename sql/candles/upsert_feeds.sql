-- Purpose: say how live feeds stand.
-- Parameters: rows (jsonb: a list of objects with the columns of candles.trade_feeds but beat_at).
-- Writes: candles.trade_feeds.
-- Idempotent: the symbol is the key; the same again only moves beat_at.
INSERT INTO candles.trade_feeds AS known (
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
    trades_refilled,
    beat_at
)
SELECT
    told.symbol_id,
    told.state,
    told.state_since,
    told.reason,
    told.first_trade_id,
    told.next_trade_id,
    told.whole_from,
    told.whole_until,
    told.lag_ms,
    told.waiting,
    told.trades_stored,
    told.trades_refilled,
    now()
FROM jsonb_to_recordset(%(rows)s::jsonb) AS told (
    symbol_id integer, state text, state_since timestamptz, reason text, first_trade_id bigint, next_trade_id bigint,
    whole_from timestamptz, whole_until timestamptz, lag_ms bigint, waiting integer, trades_stored bigint,
    trades_refilled bigint
)
ORDER BY told.symbol_id
ON CONFLICT (symbol_id) DO UPDATE
    SET
        state = excluded.state,
        state_since = excluded.state_since,
        reason = excluded.reason,
        first_trade_id = excluded.first_trade_id,
        next_trade_id = excluded.next_trade_id,
        whole_from = excluded.whole_from,
        whole_until = excluded.whole_until,
        lag_ms = excluded.lag_ms,
        waiting = excluded.waiting,
        trades_stored = excluded.trades_stored,
        trades_refilled = excluded.trades_refilled,
        beat_at = excluded.beat_at;
