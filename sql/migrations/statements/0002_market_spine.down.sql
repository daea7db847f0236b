-- Purpose: take back the market spine, with all its data.
-- Idempotent: no; Alembic runs it once, in one transaction.
DROP TABLE
    raw.market_snapshots,
    raw.market_snapshots_revisions,
    market.minute_close,
    market.minute_close_revisions,
    market.hourly_close,
    market.hourly_close_revisions,
    market.daily_close,
    market.daily_close_revisions,
    market.weekly_close,
    market.weekly_close_revisions,
    market.monthly_close,
    market.monthly_close_revisions,
    ops.dirty_buckets,
    ops.slot_exceptions,
    ops.slots;
