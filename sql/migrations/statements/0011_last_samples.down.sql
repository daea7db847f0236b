-- Purpose: take back the function that says which samples count.
-- Idempotent: no; Alembic runs it once, in one transaction.
DROP FUNCTION market.last_samples(TIMESTAMPTZ[], INTEGER[], TIMESTAMPTZ, TIMESTAMPTZ);
