-- Purpose: take marked hours of velocity, the newest first, and whole days of an asset where they are marked together.
-- Parameters: grain, most.
-- Reads: ops.dirty_buckets. Writes: ops.dirty_buckets.
-- Idempotent: what was taken is gone; a transaction that fails puts it back.
DELETE FROM ops.dirty_buckets
WHERE (grain, bucket, asset_id) IN (
    SELECT
        grain,
        bucket,
        asset_id
    FROM ops.dirty_buckets
    WHERE grain = %(grain)s
    ORDER BY bucket DESC, asset_id ASC
    LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
)
RETURNING bucket, asset_id;
