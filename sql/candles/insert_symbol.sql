-- Purpose: know a pair that only files tell of.
-- Parameters: exchange, symbol, base, quote (text), seen_at (timestamptz).
-- Writes: candles.symbols.
-- Idempotent: yes; what is known of the pair stays.
INSERT INTO candles.symbols (exchange, symbol, base, quote, status, first_seen_at)
VALUES (%(exchange)s, %(symbol)s, %(base)s, %(quote)s, 'unknown', %(seen_at)s)
ON CONFLICT (exchange, symbol) DO NOTHING;
