-- Purpose: figures by which the database's health is judged.
-- Parameters: slow_ms, least_calls, least_dead.
-- Reads: the system catalogs. Writes: nothing.
SELECT
    pg_database_size(current_database()) AS database_bytes,
    (SELECT count(*) FROM pg_stat_activity) AS connections,
    current_setting('max_connections')::int AS most_connections,
    (
        SELECT
            round(
                sum(table_hits + index_hits) / nullif(sum(table_hits + table_reads + index_hits + index_reads), 0), 6
            )
        FROM analytics.cache_hit_ratio
    ) AS hit_ratio,
    (
        SELECT count(*)
        FROM analytics.slow_statements
        WHERE mean_ms > %(slow_ms)s AND calls >= %(least_calls)s
    ) AS slow_statements,
    (
        SELECT left(query, 200)
        FROM analytics.slow_statements
        WHERE mean_ms > %(slow_ms)s AND calls >= %(least_calls)s
        ORDER BY mean_ms DESC
        LIMIT 1
    ) AS slowest_statement,
    (
        SELECT coalesce(max(dead_ratio), 0)
        FROM analytics.dead_rows
        WHERE dead_tuples >= %(least_dead)s
    ) AS dead_ratio,
    (
        SELECT schemaname || '.' || tablename
        FROM analytics.dead_rows
        WHERE dead_tuples >= %(least_dead)s
        ORDER BY dead_ratio DESC NULLS FIRST
        LIMIT 1
    ) AS deadest_table;
