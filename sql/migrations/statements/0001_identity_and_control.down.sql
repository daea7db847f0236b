-- Purpose: take back the first migration, with all its data.
-- Idempotent: no; Alembic runs it once, in one transaction.
DROP SCHEMA analytics CASCADE;
DROP SCHEMA auth CASCADE;
DROP SCHEMA forecast CASCADE;
DROP SCHEMA news CASCADE;
DROP SCHEMA sentiment CASCADE;
DROP SCHEMA onchain CASCADE;
DROP SCHEMA candles CASCADE;
DROP SCHEMA market CASCADE;
DROP SCHEMA raw CASCADE;
DROP TABLE ops.quarantine, ops.api_usage_stats, ops.collection_status, ops.schema_migrations;
