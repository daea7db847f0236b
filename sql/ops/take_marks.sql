-- Purpose: take marked buckets of a grain, the newest first.
-- Parameters: grain, most.
-- Reads: ops.dirty_buckets. Writes: ops.dirty_buckets.
-- Idempotent: what was taken is gone; a transaction that fails puts it back.
-- Two who take at once share the marks instead of waiting for each other.
WITH taken AS MATERIALIZED (
    SELECT marks.ctid AS place
    FROM ops.dirty_buckets AS marks
    WHERE marks.grain = %(grain)s
    ORDER BY marks.bucket DESC, marks.asset_id ASC
    LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
)

-- By place in the table: by key, every mark is at times looked for among all of them.
DELETE FROM ops.dirty_buckets
USING taken
WHERE dirty_buckets.ctid = taken.place
RETURNING
    dirty_buckets.bucket,
    dirty_buckets.asset_id;
