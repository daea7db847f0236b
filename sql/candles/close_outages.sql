-- Purpose: write down that the outages of feeds are over.
-- Parameters: rows (jsonb: symbol_id, ends, is_refilled).
-- Writes: candles.feed_outages.
-- Returns: symbol_id, starts and ends of each outage that ended.
-- Idempotent: yes; an outage that is over stays as it is.
UPDATE candles.feed_outages AS known
SET ends = greatest(told.ends, known.starts), is_refilled = told.is_refilled
FROM jsonb_to_recordset(%(rows)s::jsonb) AS told (symbol_id integer, ends timestamptz, is_refilled boolean)
WHERE known.symbol_id = told.symbol_id AND known.ends IS NULL
RETURNING known.symbol_id, known.starts, known.ends;
