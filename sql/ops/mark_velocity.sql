-- Purpose: mark hours whose velocity follows from minutes that changed.
-- Parameters: grain, hours (timestamptz[]), assets (int[]), starts, ends (the first and the last of the hours).
-- Reads: market.hourly_close. Writes: ops.dirty_buckets.
-- Idempotent: a mark that is there stays.
INSERT INTO ops.dirty_buckets (grain, bucket, asset_id)
SELECT
    %(grain)s::text,
    hours.bucket,
    hours.asset_id
FROM unnest(%(hours)s::timestamptz[], %(assets)s::int[]) AS reached (hour, asset_id)
-- An hour without a close has no minute whose velocity could change.
INNER JOIN market.hourly_close AS hours
    ON
        reached.asset_id = hours.asset_id
        AND reached.hour = hours.bucket
-- Known before it is run, so that no hours but these are planned for.
WHERE hours.bucket >= %(starts)s AND hours.bucket <= %(ends)s
ORDER BY hours.bucket, hours.asset_id
ON CONFLICT DO NOTHING;
