-- Purpose: take back the control tables, with all their data.
-- Idempotent: no; Alembic runs it once, in one transaction.
ALTER TABLE ops.slots DROP COLUMN ranks_asked;
DROP TABLE
    ops.provider_allowances,
    ops.quota_plans,
    ops.last_samples;
