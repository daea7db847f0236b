-- Purpose: how large Dagster's own database and its event log are, and how far back runs go.
-- Reads: the system catalogs. Writes: nothing.
SELECT
    pg_database_size(current_database()) AS database_bytes,
    pg_total_relation_size('event_logs') AS event_log_bytes,
    (
        SELECT greatest(c.reltuples, 0)::bigint
        FROM pg_class AS c
        WHERE c.oid = 'event_logs'::regclass
    ) AS events_estimated,
    (SELECT count(*) FROM runs) AS runs,
    (
        SELECT to_timestamp(min(runs.end_time))
        FROM runs
        WHERE runs.status = 'SUCCESS'
    ) AS oldest_success;
