-- Purpose: the partitions of given tables with what they hold, as PostgreSQL itself knows it.
-- Parameters: tables (text[] of schema.table).
-- Reads: the system catalogs. Writes: nothing.
WITH partitions AS (
    SELECT
        parents.nspname || '.' || parent.relname AS table_name,
        schemas.nspname || '.' || child.relname AS partition_name,
        pg_get_expr(child.relpartbound, child.oid) AS bounds,
        pg_total_relation_size(child.oid) AS total_bytes,
        obj_description(child.oid, 'pg_class') AS said
    FROM pg_inherits AS links
    INNER JOIN pg_class AS parent ON links.inhparent = parent.oid
    INNER JOIN pg_namespace AS parents ON parent.relnamespace = parents.oid
    INNER JOIN pg_class AS child ON links.inhrelid = child.oid
    INNER JOIN pg_namespace AS schemas ON child.relnamespace = schemas.oid
)

SELECT
    table_name,
    partition_name,
    (regexp_match(bounds, 'FROM \(''([^'']+)''\)'))[1]::timestamptz AS starts,
    (regexp_match(bounds, 'TO \(''([^'']+)''\)'))[1]::timestamptz AS ends,
    total_bytes,
    (regexp_match(said, '^Made (\S+)$'))[1]::timestamptz AS made_at
FROM partitions
WHERE table_name = any(%(tables)s)
ORDER BY table_name, partition_name;
