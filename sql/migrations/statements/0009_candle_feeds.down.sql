-- Purpose: take the live feeds of trades away again.
-- Writes: tables in candles.
-- Idempotent: no; Alembic runs it once, in one transaction.
DROP TABLE candles.feed_outages;
DROP TABLE candles.trade_feeds;
