-- Purpose: take back the views and the reads as of an instant.
-- Idempotent: no; Alembic runs it once, in one transaction.
DROP FUNCTION
    analytics.minute_close_as_of(TIMESTAMPTZ),
    analytics.hourly_close_as_of(TIMESTAMPTZ),
    analytics.daily_close_as_of(TIMESTAMPTZ),
    analytics.weekly_close_as_of(TIMESTAMPTZ),
    analytics.monthly_close_as_of(TIMESTAMPTZ),
    analytics.market_snapshots_as_of(TIMESTAMPTZ);
DROP VIEW
    analytics.minute_close,
    analytics.hourly_close,
    analytics.daily_close,
    analytics.weekly_close,
    analytics.monthly_close,
    analytics.tokens,
    analytics.coin_priorities,
    analytics.collection_status,
    analytics.api_usage_stats,
    analytics.schema_migrations;
