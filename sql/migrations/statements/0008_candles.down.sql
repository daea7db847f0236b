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
