-- Purpose: how the live feeds stand as a whole.
-- Reads: candles.trade_feeds. Writes: nothing.
-- Returns: feeds, how many are live, when the last one said so, until when the least whole of the live ones is whole,
--   the newest trade, the largest lag of the live ones, the trades stored so far.
SELECT
    count(*) AS feeds,
    count(*) FILTER (WHERE state = 'live') AS live,
    max(beat_at) AS beat_at,
    min(whole_until) FILTER (WHERE state = 'live') AS whole_until,
    max(whole_until) AS newest,
    max(lag_ms) FILTER (WHERE state = 'live') AS lag_ms,
    coalesce(sum(trades_stored), 0)::bigint AS trades_stored
FROM candles.trade_feeds;
