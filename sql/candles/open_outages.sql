-- Purpose: write down that feeds are out, from their last whole trade on.
-- Parameters: rows (jsonb: symbol_id, starts, reason).
-- Writes: candles.feed_outages.
-- Idempotent: yes; an outage that lasts is not begun a second time, and one that began at the same trade is reopened.
INSERT INTO candles.feed_outages AS known (symbol_id, starts, reason)
SELECT
    told.symbol_id,
    told.starts,
    told.reason
FROM jsonb_to_recordset(%(rows)s::jsonb) AS told (symbol_id integer, starts timestamptz, reason text)
WHERE
    NOT EXISTS (
        SELECT 1 FROM candles.feed_outages AS lasting
        WHERE lasting.symbol_id = told.symbol_id AND lasting.ends IS NULL
    )
ORDER BY told.symbol_id
ON CONFLICT (symbol_id, starts) DO UPDATE
    SET ends = NULL, reason = excluded.reason, is_refilled = FALSE;
