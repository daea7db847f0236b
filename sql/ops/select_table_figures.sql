-- Purpose: what is known of each table and partition that the upkeep of tables is decided from.
-- Parameters: schemas (text[]).
-- Reads: the system catalogs. Writes: nothing.
SELECT
    n.nspname AS schema_name,
    c.relname AS table_name,
    c.relkind = 'p' AS is_parent,
    CASE c.relkind
        WHEN 'p' THEN (
            SELECT coalesce(sum(pg_stat_get_live_tuples(leaves.relid)), 0)::bigint
            FROM pg_partition_tree(c.oid) AS leaves
        )
        ELSE pg_stat_get_live_tuples(c.oid)
    END AS live_rows,
    pg_stat_get_dead_tuples(c.oid) AS dead_rows,
    CASE c.relkind
        WHEN 'p' THEN (
            SELECT coalesce(sum(pg_stat_get_mod_since_analyze(leaves.relid)), 0)::bigint
            FROM pg_partition_tree(c.oid) AS leaves
        )
        ELSE pg_stat_get_mod_since_analyze(c.oid)
    END AS changed_rows,
    greatest(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid)) AS analyzed_at
FROM pg_class AS c
INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
WHERE
    c.relkind IN ('r', 'p')
    AND n.nspname = any(%(schemas)s)
ORDER BY n.nspname, c.relname;
