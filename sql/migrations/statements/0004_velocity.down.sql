-- Purpose: take back velocity and quality, with all their data.
-- Idempotent: no; Alembic runs it once, in one transaction.
DROP FUNCTION
    analytics.velocity_as_of(TIMESTAMPTZ),
    analytics.close_quality_as_of(TIMESTAMPTZ);
DROP VIEW
    analytics.token_metrics,
    analytics.velocity,
    analytics.close_quality;
DROP TABLE
    market.velocity,
    market.velocity_revisions,
    market.close_quality,
    market.close_quality_revisions;
DELETE FROM ops.dirty_buckets
WHERE grain = 'velocity';
ALTER TABLE ops.dirty_buckets DROP CONSTRAINT ck_dirty_buckets_grain;
ALTER TABLE ops.dirty_buckets ADD CONSTRAINT ck_dirty_buckets_grain CHECK (
    grain IN ('minute', 'hour', 'day', 'week', 'month')
);
COMMENT ON TABLE ops.dirty_buckets IS 'Coarse buckets whose finer rows changed and which were not built anew since.';
COMMENT ON COLUMN ops.dirty_buckets.grain IS 'Grain of the bucket.';
