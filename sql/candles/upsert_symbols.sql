-- Purpose: take over how an exchange lists its pairs; what it does not say leaves what is known.
-- Parameters: exchange (text), seen_at (timestamptz), rows (jsonb: a list of objects with the columns below).
-- Reads: its rows. Writes: candles.symbols.
-- Returns: symbol_id, is_new, is_changed.
-- Idempotent: yes; the same list again only moves last_seen_at.
INSERT INTO candles.symbols AS known (
    exchange, symbol, base, quote, price_step, quantity_step, min_quantity, min_notional, status, listed_at,
    first_seen_at, last_seen_at
)
SELECT
    %(exchange)s,
    listed.symbol,
    listed.base,
    listed.quote,
    listed.price_step,
    listed.quantity_step,
    listed.min_quantity,
    listed.min_notional,
    listed.status,
    listed.listed_at,
    %(seen_at)s AS first_seen_at,
    %(seen_at)s AS last_seen_at
FROM jsonb_to_recordset(%(rows)s::jsonb) AS listed (
    symbol text, base text, quote text, price_step numeric, quantity_step numeric, min_quantity numeric,
    min_notional numeric, status text, listed_at timestamptz
)
ORDER BY listed.symbol
ON CONFLICT (exchange, symbol) DO UPDATE
    SET
        base = excluded.base,
        quote = excluded.quote,
        price_step = coalesce(excluded.price_step, known.price_step),
        quantity_step = coalesce(excluded.quantity_step, known.quantity_step),
        min_quantity = coalesce(excluded.min_quantity, known.min_quantity),
        min_notional = coalesce(excluded.min_notional, known.min_notional),
        status = excluded.status,
        listed_at = coalesce(excluded.listed_at, known.listed_at),
        delisted_at = CASE
            WHEN excluded.status = 'closed' THEN coalesce(known.delisted_at, excluded.last_seen_at)
        END,
        last_seen_at = excluded.last_seen_at,
        updated_at = CASE
            WHEN
                (
                    known.base, known.quote, known.status, known.price_step, known.quantity_step, known.min_quantity,
                    known.min_notional
                )
                IS DISTINCT FROM (
                    excluded.base, excluded.quote, excluded.status,
                    coalesce(excluded.price_step, known.price_step),
                    coalesce(excluded.quantity_step, known.quantity_step),
                    coalesce(excluded.min_quantity, known.min_quantity),
                    coalesce(excluded.min_notional, known.min_notional)
                )
                THEN now()
            ELSE known.updated_at
        END
    WHERE known.last_seen_at IS NULL OR known.last_seen_at < excluded.last_seen_at
RETURNING symbol_id, old.symbol_id IS NULL AS is_new, old.updated_at IS DISTINCT FROM new.updated_at AS is_changed;
