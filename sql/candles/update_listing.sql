-- Purpose: say when trading of a pair began, where that was not known.
-- Parameters: symbol_id (integer), listed_at (timestamptz).
-- Writes: candles.symbols.
-- Idempotent: yes; what is known stays.
UPDATE candles.symbols
SET listed_at = %(listed_at)s, updated_at = now()
WHERE symbol_id = %(symbol_id)s AND listed_at IS NULL;
