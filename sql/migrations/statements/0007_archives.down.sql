-- Purpose: take back the records of archives and policies. The archived files stay where they are.
-- Idempotent: no; Alembic runs it once, in one transaction.
DROP VIEW analytics.retention_policy;
ALTER TABLE raw.fetches DROP COLUMN received_at;
DROP TABLE ops.archives, ops.retention_policies;
ALTER TABLE market.weekly_close RESET (fillfactor);
ALTER TABLE market.monthly_close RESET (fillfactor);
