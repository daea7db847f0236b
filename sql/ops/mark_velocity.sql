-- Purpose: mark the hours whose velocity follows from minutes that changed: a day on, for the windows, the trend and
-- what holds over the hour; and the same hour of the six days after, for the week.
-- Parameters: grain, buckets (timestamptz[]), assets (int[]), starts, ends (the first and last hour that may follow).
-- Reads: market.hourly_close. Writes: ops.dirty_buckets.
-- Idempotent: a mark that is there stays.
INSERT INTO ops.dirty_buckets (grain, bucket, asset_id)
SELECT DISTINCT
    %(grain)s::text,
    hours.bucket,
    hours.asset_id
FROM (
    SELECT DISTINCT
        minutes.asset_id,
        date_bin('1 hour', minutes.bucket, 'epoch') AS hour
    FROM unnest(%(buckets)s::timestamptz[], %(assets)s::int[]) AS minutes (bucket, asset_id)
) AS changed
CROSS JOIN LATERAL (
    SELECT changed.hour + back.hours * interval '1 hour' AS hour
    FROM unnest(array(SELECT generate_series(0, 25)) || ARRAY[48, 72, 96, 120, 144]) AS back (hours)
) AS reached
-- An hour without a close has no minute whose velocity could change.
INNER JOIN market.hourly_close AS hours
    ON
        changed.asset_id = hours.asset_id
        AND reached.hour = hours.bucket
-- Known before it is run, so that no hours but these are planned for.
WHERE hours.bucket >= %(starts)s AND hours.bucket <= %(ends)s
ORDER BY hours.bucket, hours.asset_id
ON CONFLICT DO NOTHING;
