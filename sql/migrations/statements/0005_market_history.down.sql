-- Purpose: take back the history of charts, with all its data.
-- Idempotent: no; Alembic runs it once, in one transaction.
DROP FUNCTION analytics.market_chart_points_as_of(TIMESTAMPTZ);
DROP TABLE
    raw.market_chart_points,
    raw.market_chart_points_revisions,
    ops.history_requests;
COMMENT ON COLUMN ops.slots.reason IS 'Why, in words; NULL when it was observed.';
