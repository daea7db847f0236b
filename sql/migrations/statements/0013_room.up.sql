-- Purpose: how much room there was in the home and what the databases took, over time.
-- Writes: tables in ops.
-- Idempotent: no; Alembic runs it once, in one transaction.
CREATE TABLE ops.room_samples (
    home TEXT NOT NULL,
    measured_at TIMESTAMP WITH TIME ZONE NOT NULL,
    free_bytes BIGINT NOT NULL,
    warehouse_bytes BIGINT NOT NULL,
    dagster_bytes BIGINT NOT NULL,
    CONSTRAINT pk_room_samples PRIMARY KEY (home, measured_at),
    CONSTRAINT ck_room_samples_free_bytes CHECK (free_bytes >= 0),
    CONSTRAINT ck_room_samples_warehouse_bytes CHECK (warehouse_bytes >= 0),
    CONSTRAINT ck_room_samples_dagster_bytes CHECK (dagster_bytes >= 0)
);
COMMENT ON TABLE ops.room_samples IS
'How much room there was in the home, and what the databases took, each time it was measured.';
COMMENT ON COLUMN ops.room_samples.home IS 'The folder, as host:path.';
COMMENT ON COLUMN ops.room_samples.measured_at IS 'When it was measured.';
COMMENT ON COLUMN ops.room_samples.free_bytes IS 'Free on the file system of the home.';
COMMENT ON COLUMN ops.room_samples.warehouse_bytes IS 'Size of the warehouse''s database.';
COMMENT ON COLUMN ops.room_samples.dagster_bytes IS 'Size of Dagster''s own database.';
