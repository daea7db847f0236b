-- Purpose: describe tables, columns, constraints and indexes as PostgreSQL itself sees them, one line each.
-- Parameters: schemas (text[]).
-- Reads: the system catalogs. Writes: nothing.
WITH tables AS (
    SELECT
        c.oid,
        n.nspname || '.' || c.relname AS table_name,
        obj_description(c.oid, 'pg_class') AS comment
    FROM pg_class AS c
    INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
    WHERE
        n.nspname = any(%(schemas)s)
        AND c.relkind IN ('r', 'p')
        AND NOT c.relispartition
        AND c.relname <> 'alembic_version'
),

described AS (
    SELECT
        'table ' || table_name AS object_key,
        coalesce(comment, '') || coalesce(' | partitioned by ' || pg_get_partkeydef(oid), '') AS description
    FROM tables
    UNION ALL
    SELECT
        'column ' || t.table_name || '.' || a.attname,
        concat_ws(
            ' | ',
            a.attnum::text,
            format_type(a.atttypid, a.atttypmod),
            CASE WHEN a.attnotnull THEN 'NOT NULL' ELSE 'NULL' END,
            'identity ' || nullif(a.attidentity::text, ''),
            'generated ' || nullif(a.attgenerated::text, ''),
            pg_get_expr(d.adbin, d.adrelid),
            col_description(t.oid, a.attnum)
        )
    FROM tables AS t
    INNER JOIN pg_attribute AS a ON t.oid = a.attrelid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef AS d ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    UNION ALL
    SELECT
        'constraint ' || t.table_name || '.' || c.conname,
        pg_get_constraintdef(c.oid)
    FROM tables AS t
    INNER JOIN pg_constraint AS c ON t.oid = c.conrelid
    UNION ALL
    SELECT
        'index ' || t.table_name || '.' || i.relname,
        pg_get_indexdef(x.indexrelid)
    FROM tables AS t
    INNER JOIN pg_index AS x ON t.oid = x.indrelid
    INNER JOIN pg_class AS i ON x.indexrelid = i.oid
)

SELECT
    object_key,
    description
FROM described
ORDER BY object_key;
