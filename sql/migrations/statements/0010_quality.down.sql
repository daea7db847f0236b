-- Purpose: take back the results of expectations, alerts and the views.
-- Idempotent: no; Alembic runs it once, in one transaction.
DROP VIEW
    analytics.slow_statements,
    analytics.cache_hit_ratio,
    analytics.dead_rows,
    analytics.index_usage,
    analytics.table_stats,
    analytics.field_coverage,
    analytics.quality_results_latest;
DROP FUNCTION analytics.statement_statistics();
DROP TABLE
    ops.alerts,
    ops.quality_results;
