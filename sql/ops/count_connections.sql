-- Purpose: how many of the server's connections are taken, and how many there may be.
-- Reads: the system catalogs. Writes: nothing.
SELECT
    (SELECT count(*) FROM pg_stat_activity) AS taken,
    current_setting('max_connections')::int AS most;
