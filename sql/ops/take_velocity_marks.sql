-- Purpose: take marked hours of velocity, the newest first.
-- Parameters: grain, most.
-- Reads: ops.dirty_buckets. Writes: ops.dirty_buckets.
-- Idempotent: what was taken is gone; a transaction that fails puts it back.
DELETE FROM ops.dirty_buckets
WHERE ctid = any(array(
    SELECT marks.ctid
    FROM ops.dirty_buckets AS marks
    WHERE marks.grain = %(grain)s
    ORDER BY marks.bucket DESC, marks.asset_id ASC
    LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
))
RETURNING bucket, asset_id;
