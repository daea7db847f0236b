-- Purpose: size of each B-tree beside the size that its entries need, from the statistics of the columns.
-- Parameters: schemas (text[]).
-- Reads: the system catalogs. Writes: nothing.
WITH widths AS (
    SELECT
        x.indexrelid,
        -- Item header and pointer, and the columns in units of eight bytes.
        12 + 8 * ceil(sum(coalesce(s.avg_width, 8)) / 8.0) AS entry_bytes
    FROM pg_index AS x
    INNER JOIN pg_class AS i ON x.indexrelid = i.oid
    INNER JOIN pg_am AS methods ON i.relam = methods.oid AND methods.amname = 'btree'
    INNER JOIN pg_class AS t ON x.indrelid = t.oid
    INNER JOIN pg_namespace AS n ON t.relnamespace = n.oid
    INNER JOIN pg_attribute AS a ON i.oid = a.attrelid AND a.attnum > 0
    LEFT JOIN pg_stats AS s
        ON
            n.nspname = s.schemaname
            AND t.relname = s.tablename
            AND a.attname = s.attname
    WHERE
        i.relkind = 'i'
        AND n.nspname = any(%(schemas)s)
    GROUP BY x.indexrelid
)

SELECT
    n.nspname AS schema_name,
    i.relname AS index_name,
    pg_relation_size(i.oid) AS index_bytes,
    -- Nine tenths of a page are filled; a page of its own is there in any case.
    (8192 + greatest(i.reltuples, 0) * widths.entry_bytes / 0.9)::bigint AS needed_bytes,
    x.indisvalid AS is_valid
FROM widths
INNER JOIN pg_index AS x ON widths.indexrelid = x.indexrelid
INNER JOIN pg_class AS i ON widths.indexrelid = i.oid
INNER JOIN pg_namespace AS n ON i.relnamespace = n.oid
ORDER BY n.nspname, i.relname;
