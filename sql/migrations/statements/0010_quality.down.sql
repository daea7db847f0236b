-- Purpose: take back the results of expectations and the views that read them.
-- Idempotent: no; Alembic runs it once, in one transaction.
DROP VIEW
    analytics.field_coverage,
    analytics.quality_results_latest;
DROP TABLE ops.quality_results;
