-- Purpose: an index of the slots that were not observed, which are few among millions.
-- Writes: an index in ops.
-- Idempotent: no; Alembic runs it once, in one transaction.
CREATE INDEX ix_slots_unobserved ON ops.slots (dataset, slot) WHERE state <> 'observed';
