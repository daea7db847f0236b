-- Purpose: take the quarantine of whole answers and the decisions away again.
-- Writes: tables in ops.
-- Idempotent: no; Alembic runs it once, in one transaction.
DROP TABLE ops.quarantine_batches;
ALTER TABLE ops.quarantine DROP COLUMN state;
ALTER TABLE ops.quarantine DROP COLUMN decided_at;
ALTER TABLE ops.quarantine DROP COLUMN decided_by;
ALTER TABLE ops.quarantine DROP COLUMN decision_reason;
ALTER TABLE ops.last_samples DROP COLUMN market_cap_usd;
ALTER TABLE ops.last_samples DROP COLUMN missing;
ALTER TABLE ops.last_samples DROP COLUMN unchanged_times;
