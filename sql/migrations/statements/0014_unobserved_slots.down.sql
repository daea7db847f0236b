-- Purpose: take the index of the slots that were not observed away again.
-- Writes: an index in ops.
-- Idempotent: no; Alembic runs it once, in one transaction.
DROP INDEX ops.ix_slots_unobserved;
