-- Purpose: take marked hours of velocity, the newest first.
-- Parameters: grain, most.
-- Reads: ops.dirty_buckets. Writes: ops.dirty_buckets.
-- Idempotent: what was taken is gone; a transaction that fails puts it back.
WITH taken AS MATERIALIZED (
    SELECT marks.ctid AS place
    FROM ops.dirty_buckets AS marks
    WHERE marks.grain = %(grain)s
    ORDER BY marks.bucket DESC, marks.asset_id ASC
    LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
)

DELETE FROM ops.dirty_buckets
USING taken
WHERE dirty_buckets.ctid = taken.place
RETURNING
    dirty_buckets.bucket,
    dirty_buckets.asset_id;
