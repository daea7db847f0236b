-- Purpose: keep how much room there is now.
-- Parameters: home, measured_at, free_bytes, warehouse_bytes, dagster_bytes.
-- Writes: ops.room_samples.
-- Idempotent: yes; one row for a home and an instant.
INSERT INTO ops.room_samples (home, measured_at, free_bytes, warehouse_bytes, dagster_bytes)
VALUES (%(home)s, %(measured_at)s, %(free_bytes)s, %(warehouse_bytes)s, %(dagster_bytes)s)
ON CONFLICT (home, measured_at) DO NOTHING;
