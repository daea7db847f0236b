-- Purpose: when each of Dagster's daemons last said that it lives.
-- Reads: Dagster's own tables. Writes: nothing.
SELECT
    daemon_type,
    timestamp AT TIME ZONE 'UTC' AS beat_at
FROM daemon_heartbeats
ORDER BY daemon_type;
