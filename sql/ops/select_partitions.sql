-- Purpose: the partitions of given tables with what they hold, as PostgreSQL itself knows it.
-- Parameters: tables (text[] of schema.table).
-- Reads: the system catalogs. Writes: nothing.
SELECT
    parents.nspname || '.' || parent.relname AS table_name,
    schemas.nspname || '.' || partition.relname AS partition_name,
    (regexp_match(bounds.said, 'FROM \(''([^'']+)''\)'))[1]::timestamptz AS starts,
    (regexp_match(bounds.said, 'TO \(''([^'']+)''\)'))[1]::timestamptz AS ends,
    pg_total_relation_size(partition.oid) AS total_bytes
FROM pg_inherits AS links
INNER JOIN pg_class AS parent ON links.inhparent = parent.oid
INNER JOIN pg_namespace AS parents ON parent.relnamespace = parents.oid
INNER JOIN pg_class AS partition ON links.inhrelid = partition.oid
INNER JOIN pg_namespace AS schemas ON partition.relnamespace = schemas.oid
CROSS JOIN LATERAL (SELECT pg_get_expr(partition.relpartbound, partition.oid) AS said) AS bounds
WHERE parents.nspname || '.' || parent.relname = any(%(tables)s)
ORDER BY parents.nspname || '.' || parent.relname, partition.relname;
