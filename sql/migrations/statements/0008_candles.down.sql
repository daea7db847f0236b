-- Purpose: take back exchange data, with all its data.
-- Idempotent: no; Alembic runs it once, in one transaction.
DROP FUNCTION
    analytics.minute_candles_as_of(TIMESTAMPTZ),
    analytics.coarse_candles_as_of(TIMESTAMPTZ);
DROP VIEW
    analytics.symbols,
    analytics.price_candles,
    analytics.price_ticks,
    analytics.symbol_summary,
    analytics.market_data;
DROP MATERIALIZED VIEW candles.symbol_summary;
DROP TABLE
    candles.candle_backfills,
    candles.candle_certificates,
    candles.candle_differences,
    candles.candle_slots,
    candles.coarse_candles,
    candles.coarse_candles_revisions,
    candles.dirty_candles,
    candles.minute_candles,
    candles.minute_candles_revisions,
    candles.price_ticks,
    candles.symbols;

DELETE FROM ops.retention_policies
WHERE table_name LIKE 'candles.%';
ALTER TABLE ops.retention_policies DROP CONSTRAINT ck_retention_policies_drop_unit;
ALTER TABLE ops.retention_policies
ADD CONSTRAINT ck_retention_policies_drop_unit CHECK (drop_unit IN ('row', 'day', 'month', 'year'));
COMMENT ON COLUMN analytics.retention_policy.drop_unit IS
'What goes at once: row, or the partition of a day, month or year; NULL: nothing goes.';
