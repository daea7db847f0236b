-- Purpose: close the pairs that an exchange lists no more.
-- Parameters: exchange (text), seen_at (timestamptz: when its whole list was received), symbols (text[]: that list).
-- Reads: candles.symbols. Writes: candles.symbols.
-- Idempotent: yes; a closed pair stays as it is, and one that only files told of was never listed.
UPDATE candles.symbols
SET status = 'closed', delisted_at = %(seen_at)s, updated_at = now()
WHERE
    exchange = %(exchange)s
    AND last_seen_at < %(seen_at)s
    AND status IN ('trading', 'halted')
    AND NOT symbol = any(%(symbols)s::text[]);
