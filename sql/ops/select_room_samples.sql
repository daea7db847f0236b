-- Purpose: how much room there was in a home lately, the first measurement of each hour, oldest first.
-- Parameters: home, since.
-- Reads: ops.room_samples. Writes: nothing.
SELECT DISTINCT ON (date_trunc('hour', measured_at))
    measured_at,
    free_bytes,
    warehouse_bytes,
    dagster_bytes
FROM ops.room_samples
WHERE
    home = %(home)s
    AND measured_at >= %(since)s
ORDER BY date_trunc('hour', measured_at), measured_at;
