-- Purpose: how the files and spans of a symbol's history stand.
-- Parameters: symbol_id (int), interval (text).
-- Reads: candles.candle_backfills. Writes: nothing.
SELECT
    part,
    kind,
    starts,
    ends,
    state,
    rows_received,
    rows_stored,
    rows_refused,
    payload_sha256,
    error
FROM candles.candle_backfills
WHERE symbol_id = %(symbol_id)s AND interval = %(interval)s
ORDER BY starts, part;
