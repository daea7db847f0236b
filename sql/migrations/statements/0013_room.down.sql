-- Purpose: take the measured room away again.
-- Writes: tables in ops.
-- Idempotent: no; Alembic runs it once, in one transaction.
DROP TABLE ops.room_samples;
