-- Purpose: results of expectations, alerts, and statistics of tables, with the views that read them.
-- Writes: ops.quality_results, ops.alerts, views and a function in analytics.
-- Idempotent: no; Alembic runs it once, in one transaction.

CREATE TABLE ops.quality_results (
    evaluated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    dataset TEXT NOT NULL,
    expectation TEXT NOT NULL,
    suite TEXT NOT NULL,
    what TEXT NOT NULL,
    severity TEXT NOT NULL,
    success BOOLEAN NOT NULL,
    evaluated BIGINT,
    unexpected BIGINT,
    sample JSONB,
    window_starts TIMESTAMP WITH TIME ZONE,
    window_ends TIMESTAMP WITH TIME ZONE,
    error TEXT,
    run_id TEXT,
    CONSTRAINT pk_quality_results PRIMARY KEY (evaluated_at, dataset, expectation),
    CONSTRAINT ck_quality_results_severity CHECK (severity IN ('error', 'warning')),
    CONSTRAINT ck_quality_results_evaluated CHECK (evaluated >= 0),
    CONSTRAINT ck_quality_results_unexpected CHECK (unexpected >= 0)
);
CREATE INDEX ix_quality_results_dataset_evaluated_at ON ops.quality_results (dataset, evaluated_at);
COMMENT ON TABLE ops.quality_results IS
'Every expectation each time it was looked at: whether it held, by how many rows, with a sample.';
COMMENT ON COLUMN ops.quality_results.evaluated_at IS 'When its suite was begun.';
COMMENT ON COLUMN ops.quality_results.dataset IS 'Table that was looked at.';
COMMENT ON COLUMN ops.quality_results.expectation IS 'Name of the rule in its suite.';
COMMENT ON COLUMN ops.quality_results.suite IS 'Asset check that the rule is part of.';
COMMENT ON COLUMN ops.quality_results.what IS 'What must hold, in words.';
COMMENT ON COLUMN ops.quality_results.severity IS 'error: the rows are wrong; warning: somebody should look.';
COMMENT ON COLUMN ops.quality_results.success IS 'Whether it held; false as well when it could not be looked at.';
COMMENT ON COLUMN ops.quality_results.evaluated IS 'Rows that were looked at.';
COMMENT ON COLUMN ops.quality_results.unexpected IS
'Rows against it; for a coverage, rows without the field; NULL when it could not be looked at.';
COMMENT ON COLUMN ops.quality_results.sample IS 'Some of the rows against it, numbers as exact text.';
COMMENT ON COLUMN ops.quality_results.window_starts IS 'First instant looked at; NULL: the whole table.';
COMMENT ON COLUMN ops.quality_results.window_ends IS 'First instant no longer looked at.';
COMMENT ON COLUMN ops.quality_results.error IS 'Why it could not be looked at; NULL when it was.';
COMMENT ON COLUMN ops.quality_results.run_id IS 'Dagster run that looked, when one did.';

CREATE TABLE ops.alerts (
    subject TEXT NOT NULL,
    since TIMESTAMP WITH TIME ZONE NOT NULL,
    state TEXT NOT NULL,
    severity TEXT NOT NULL,
    seen INTEGER NOT NULL,
    well INTEGER NOT NULL,
    cause TEXT NOT NULL,
    extent TEXT NOT NULL,
    cure TEXT NOT NULL,
    last_seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    last_told_at TIMESTAMP WITH TIME ZONE,
    told_to TEXT[] DEFAULT '{}' NOT NULL,
    told_over_to TEXT[] DEFAULT '{}' NOT NULL,
    CONSTRAINT pk_alerts PRIMARY KEY (subject, since),
    CONSTRAINT ck_alerts_state CHECK (state IN ('suspected', 'open', 'healed', 'passed')),
    CONSTRAINT ck_alerts_severity CHECK (severity IN ('warning', 'broken')),
    CONSTRAINT ck_alerts_seen CHECK (seen >= 1),
    CONSTRAINT ck_alerts_well CHECK (well >= 0)
);
CREATE INDEX ix_alerts_last_seen_at ON ops.alerts (last_seen_at);
COMMENT ON TABLE ops.alerts IS
'Each thing that was broken, from when to when, with cause, extent and cure, and who was told.';
COMMENT ON COLUMN ops.alerts.subject IS 'What is broken.';
COMMENT ON COLUMN ops.alerts.since IS 'When it was first seen broken.';
COMMENT ON COLUMN ops.alerts.state IS
'suspected: seen too seldom in a row to be told; open; healed; passed: it went before it was told.';
COMMENT ON COLUMN ops.alerts.severity IS 'The gravest that it was seen.';
COMMENT ON COLUMN ops.alerts.seen IS 'Looks in which it was broken.';
COMMENT ON COLUMN ops.alerts.well IS 'Looks in a row in which it was well again.';
COMMENT ON COLUMN ops.alerts.cause IS 'What is wrong, in the words of who looked.';
COMMENT ON COLUMN ops.alerts.extent IS 'How much, and for how long.';
COMMENT ON COLUMN ops.alerts.cure IS 'What to do.';
COMMENT ON COLUMN ops.alerts.last_seen_at IS 'When it was last seen broken.';
COMMENT ON COLUMN ops.alerts.ended_at IS 'When it was held to be over; NULL while it is not.';
COMMENT ON COLUMN ops.alerts.last_told_at IS 'When somebody was last told; NULL: nobody.';
COMMENT ON COLUMN ops.alerts.told_to IS 'Who was told that it is broken.';
COMMENT ON COLUMN ops.alerts.told_over_to IS 'Who was told that it is over.';

-- From dataset to dataset through the index: what it costs follows from how many there are, not from how long results
-- are kept. The doctor reads it every minute.
CREATE VIEW analytics.quality_results_latest AS
WITH RECURSIVE datasets AS (
    SELECT min(dataset) AS dataset
    FROM ops.quality_results
    UNION ALL
    SELECT (
        SELECT min(later.dataset)
        FROM ops.quality_results AS later
        WHERE later.dataset > datasets.dataset
    ) AS dataset
    FROM datasets
    WHERE datasets.dataset IS NOT NULL
),

newest AS (
    SELECT
        datasets.dataset,
        (
            SELECT max(looks.evaluated_at)
            FROM ops.quality_results AS looks
            WHERE looks.dataset = datasets.dataset
        ) AS evaluated_at
    FROM datasets
    WHERE datasets.dataset IS NOT NULL
)

SELECT
    results.dataset,
    results.suite,
    results.expectation,
    results.what,
    results.severity,
    results.success,
    results.evaluated,
    results.unexpected,
    results.sample,
    results.error,
    results.window_starts,
    results.window_ends,
    results.evaluated_at,
    results.run_id
FROM newest
INNER JOIN ops.quality_results AS results
    ON
        newest.dataset = results.dataset
        AND newest.evaluated_at = results.evaluated_at;
COMMENT ON VIEW analytics.quality_results_latest IS 'What the newest look at the expectations of each dataset gave.';
COMMENT ON COLUMN analytics.quality_results_latest.dataset IS 'Table that was looked at.';
COMMENT ON COLUMN analytics.quality_results_latest.suite IS 'Asset check that the rule is part of.';
COMMENT ON COLUMN analytics.quality_results_latest.expectation IS 'Name of the rule in its suite.';
COMMENT ON COLUMN analytics.quality_results_latest.what IS 'What must hold, in words.';
COMMENT ON COLUMN analytics.quality_results_latest.severity IS
'error: the rows are wrong; warning: somebody should look.';
COMMENT ON COLUMN analytics.quality_results_latest.success IS
'Whether it held; false as well when it could not be looked at.';
COMMENT ON COLUMN analytics.quality_results_latest.evaluated IS 'Rows that were looked at.';
COMMENT ON COLUMN analytics.quality_results_latest.unexpected IS
'Rows against it; for a coverage, rows without the field; NULL when it could not be looked at.';
COMMENT ON COLUMN analytics.quality_results_latest.sample IS 'Some of the rows against it, numbers as exact text.';
COMMENT ON COLUMN analytics.quality_results_latest.error IS 'Why it could not be looked at; NULL when it was.';
COMMENT ON COLUMN analytics.quality_results_latest.window_starts IS 'First instant looked at; NULL: the whole table.';
COMMENT ON COLUMN analytics.quality_results_latest.window_ends IS 'First instant no longer looked at.';
COMMENT ON COLUMN analytics.quality_results_latest.evaluated_at IS 'When its suite was begun.';
COMMENT ON COLUMN analytics.quality_results_latest.run_id IS 'Dagster run that looked, when one did.';

CREATE VIEW analytics.field_coverage AS
SELECT
    dataset,
    split_part(expectation, '.', 1) AS field,
    evaluated AS total_rows,
    evaluated - unexpected AS rows_with_value,
    round((evaluated - unexpected)::NUMERIC / nullif(evaluated, 0), 6) AS coverage,
    window_starts,
    window_ends,
    evaluated_at
FROM analytics.quality_results_latest
WHERE
    split_part(expectation, '.', 2) IN ('given', 'coverage')
    AND evaluated IS NOT NULL;
COMMENT ON VIEW analytics.field_coverage IS
'In how many rows of the newest look each field of each dataset has a value.';
COMMENT ON COLUMN analytics.field_coverage.dataset IS 'Table that was looked at.';
COMMENT ON COLUMN analytics.field_coverage.field IS 'Column of the table.';
COMMENT ON COLUMN analytics.field_coverage.total_rows IS 'Rows that were looked at.';
COMMENT ON COLUMN analytics.field_coverage.rows_with_value IS 'Rows in which the field is not NULL.';
COMMENT ON COLUMN analytics.field_coverage.coverage IS
'Share of the rows that have a value; NULL when there was no row. Unit: ratio.';
COMMENT ON COLUMN analytics.field_coverage.window_starts IS 'First instant looked at; NULL: the whole table.';
COMMENT ON COLUMN analytics.field_coverage.window_ends IS 'First instant no longer looked at.';
COMMENT ON COLUMN analytics.field_coverage.evaluated_at IS 'When it was looked at.';

-- The statistics of partitions are summed to the table that they belong to; so are those of their indexes.
CREATE VIEW analytics.table_stats AS
WITH leaves AS (
    SELECT
        c.oid,
        c.relkind,
        coalesce(pg_partition_root(c.oid), c.oid) AS root
    FROM pg_class AS c
    INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
    WHERE
        c.relkind IN ('r', 'p')
        AND n.nspname IN ('raw', 'market', 'candles', 'onchain', 'sentiment', 'news', 'forecast', 'ops', 'auth')
)

SELECT
    n.nspname AS schemaname,
    root.relname AS tablename,
    count(*) FILTER (WHERE leaves.oid <> leaves.root AND leaves.relkind = 'r') AS partitions,
    pg_size_pretty(sum(pg_total_relation_size(leaves.oid))) AS size,
    sum(pg_total_relation_size(leaves.oid))::BIGINT AS total_bytes,
    sum(pg_table_size(leaves.oid))::BIGINT AS table_bytes,
    sum(pg_indexes_size(leaves.oid))::BIGINT AS index_bytes,
    sum(pg_stat_get_tuples_inserted(leaves.oid))::BIGINT AS inserts,
    sum(pg_stat_get_tuples_updated(leaves.oid))::BIGINT AS updates,
    sum(pg_stat_get_tuples_deleted(leaves.oid))::BIGINT AS deletes,
    sum(pg_stat_get_live_tuples(leaves.oid))::BIGINT AS live_tuples,
    sum(pg_stat_get_dead_tuples(leaves.oid))::BIGINT AS dead_tuples,
    max(greatest(pg_stat_get_last_vacuum_time(leaves.oid), pg_stat_get_last_autovacuum_time(leaves.oid)))
        AS last_vacuum,
    max(greatest(pg_stat_get_last_analyze_time(leaves.oid), pg_stat_get_last_autoanalyze_time(leaves.oid)))
        AS last_analyze
FROM leaves
INNER JOIN pg_class AS root ON leaves.root = root.oid
INNER JOIN pg_namespace AS n ON root.relnamespace = n.oid
GROUP BY n.nspname, root.relname;
COMMENT ON VIEW analytics.table_stats IS 'Size and activity of each table, its partitions summed.';
COMMENT ON COLUMN analytics.table_stats.schemaname IS 'Schema of the table.';
COMMENT ON COLUMN analytics.table_stats.tablename IS 'Name of the table.';
COMMENT ON COLUMN analytics.table_stats.partitions IS 'Partitions that it has; 0: it is not partitioned.';
COMMENT ON COLUMN analytics.table_stats.size IS 'Size with indexes and long values, readable.';
COMMENT ON COLUMN analytics.table_stats.total_bytes IS 'Size with indexes and long values. Unit: bytes.';
COMMENT ON COLUMN analytics.table_stats.table_bytes IS 'Size without indexes. Unit: bytes.';
COMMENT ON COLUMN analytics.table_stats.index_bytes IS 'Size of its indexes. Unit: bytes.';
COMMENT ON COLUMN analytics.table_stats.inserts IS 'Rows inserted since the statistics were reset. Unit: rows.';
COMMENT ON COLUMN analytics.table_stats.updates IS 'Rows updated since the statistics were reset. Unit: rows.';
COMMENT ON COLUMN analytics.table_stats.deletes IS 'Rows deleted since the statistics were reset. Unit: rows.';
COMMENT ON COLUMN analytics.table_stats.live_tuples IS 'Rows that it holds, estimated. Unit: rows.';
COMMENT ON COLUMN analytics.table_stats.dead_tuples IS
'Old versions of rows that take up room, estimated. Unit: rows.';
COMMENT ON COLUMN analytics.table_stats.last_vacuum IS 'When any of it was last vacuumed.';
COMMENT ON COLUMN analytics.table_stats.last_analyze IS 'When any of it was last analyzed.';

CREATE VIEW analytics.index_usage AS
SELECT
    n.nspname AS schemaname,
    root_table.relname AS tablename,
    root_index.relname AS indexname,
    bool_or(x.indisunique) AS is_unique,
    sum(pg_stat_get_numscans(i.oid))::BIGINT AS scans,
    sum(pg_stat_get_tuples_returned(i.oid))::BIGINT AS entries_read,
    sum(pg_stat_get_tuples_fetched(i.oid))::BIGINT AS rows_fetched,
    max(pg_stat_get_lastscan(i.oid)) AS last_scan,
    sum(pg_relation_size(i.oid))::BIGINT AS index_bytes
FROM pg_index AS x
INNER JOIN pg_class AS i ON x.indexrelid = i.oid
INNER JOIN pg_class AS root_index ON root_index.oid = coalesce(pg_partition_root(i.oid), i.oid)
INNER JOIN pg_class AS root_table ON root_table.oid = coalesce(pg_partition_root(x.indrelid), x.indrelid)
INNER JOIN pg_namespace AS n ON root_table.relnamespace = n.oid
WHERE n.nspname IN ('raw', 'market', 'candles', 'onchain', 'sentiment', 'news', 'forecast', 'ops', 'auth')
GROUP BY n.nspname, root_table.relname, root_index.relname;
COMMENT ON VIEW analytics.index_usage IS 'How often each index is read, the indexes of partitions summed.';
COMMENT ON COLUMN analytics.index_usage.schemaname IS 'Schema of the table.';
COMMENT ON COLUMN analytics.index_usage.tablename IS 'Name of the table.';
COMMENT ON COLUMN analytics.index_usage.indexname IS 'Name of the index.';
COMMENT ON COLUMN analytics.index_usage.is_unique IS
'Whether it keeps rows apart: such an index is needed without a scan.';
COMMENT ON COLUMN analytics.index_usage.scans IS 'Times it was read since the statistics were reset.';
COMMENT ON COLUMN analytics.index_usage.entries_read IS 'Entries that these scans returned.';
COMMENT ON COLUMN analytics.index_usage.rows_fetched IS 'Rows that were fetched through it. Unit: rows.';
COMMENT ON COLUMN analytics.index_usage.last_scan IS 'When it was last read.';
COMMENT ON COLUMN analytics.index_usage.index_bytes IS 'Size. Unit: bytes.';

CREATE VIEW analytics.dead_rows AS
WITH leaves AS (
    SELECT
        c.relname,
        coalesce(pg_partition_root(c.oid), c.oid) AS root,
        pg_stat_get_live_tuples(c.oid) AS live_tuples,
        pg_stat_get_dead_tuples(c.oid) AS dead_tuples,
        greatest(pg_stat_get_last_vacuum_time(c.oid), pg_stat_get_last_autovacuum_time(c.oid)) AS last_vacuum
    FROM pg_class AS c
    INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
    WHERE
        c.relkind = 'r'
        AND n.nspname IN ('raw', 'market', 'candles', 'onchain', 'sentiment', 'news', 'forecast', 'ops', 'auth')
)

SELECT
    n.nspname AS schemaname,
    root.relname AS tablename,
    sum(leaves.live_tuples)::BIGINT AS live_tuples,
    sum(leaves.dead_tuples)::BIGINT AS dead_tuples,
    round(sum(leaves.dead_tuples)::NUMERIC / nullif(sum(leaves.live_tuples), 0), 6) AS dead_ratio,
    (array_agg(leaves.relname ORDER BY leaves.dead_tuples DESC, leaves.relname ASC))[1] AS worst_part,
    max(leaves.dead_tuples)::BIGINT AS worst_part_dead_tuples,
    max(leaves.last_vacuum) AS last_vacuum
FROM leaves
INNER JOIN pg_class AS root ON leaves.root = root.oid
INNER JOIN pg_namespace AS n ON root.relnamespace = n.oid
GROUP BY n.nspname, root.relname;
COMMENT ON VIEW analytics.dead_rows IS
'Old versions of rows that take up room in each table, its partitions summed.';
COMMENT ON COLUMN analytics.dead_rows.schemaname IS 'Schema of the table.';
COMMENT ON COLUMN analytics.dead_rows.tablename IS 'Name of the table.';
COMMENT ON COLUMN analytics.dead_rows.live_tuples IS 'Rows that it holds, estimated. Unit: rows.';
COMMENT ON COLUMN analytics.dead_rows.dead_tuples IS 'Old versions of rows, estimated. Unit: rows.';
COMMENT ON COLUMN analytics.dead_rows.dead_ratio IS 'Old versions per row; NULL in an empty table. Unit: ratio.';
COMMENT ON COLUMN analytics.dead_rows.worst_part IS 'Partition that has most of them, or the table itself.';
COMMENT ON COLUMN analytics.dead_rows.worst_part_dead_tuples IS 'How many that one has. Unit: rows.';
COMMENT ON COLUMN analytics.dead_rows.last_vacuum IS 'When any of it was last vacuumed.';

CREATE VIEW analytics.cache_hit_ratio AS
WITH leaves AS (
    SELECT
        coalesce(pg_partition_root(blocks.relid), blocks.relid) AS root,
        coalesce(blocks.heap_blks_hit, 0) + coalesce(blocks.toast_blks_hit, 0) AS table_hits,
        coalesce(blocks.heap_blks_read, 0) + coalesce(blocks.toast_blks_read, 0) AS table_reads,
        coalesce(blocks.idx_blks_hit, 0) + coalesce(blocks.tidx_blks_hit, 0) AS index_hits,
        coalesce(blocks.idx_blks_read, 0) + coalesce(blocks.tidx_blks_read, 0) AS index_reads
    FROM pg_statio_all_tables AS blocks
    WHERE
        blocks.schemaname IN (
            'raw', 'market', 'candles', 'onchain', 'sentiment', 'news', 'forecast', 'ops', 'auth'
        )
)

SELECT
    n.nspname AS schemaname,
    root.relname AS tablename,
    sum(leaves.table_hits)::BIGINT AS table_hits,
    sum(leaves.table_reads)::BIGINT AS table_reads,
    round(sum(leaves.table_hits)::NUMERIC / nullif(sum(leaves.table_hits + leaves.table_reads), 0), 6)
        AS table_hit_ratio,
    sum(leaves.index_hits)::BIGINT AS index_hits,
    sum(leaves.index_reads)::BIGINT AS index_reads,
    round(sum(leaves.index_hits)::NUMERIC / nullif(sum(leaves.index_hits + leaves.index_reads), 0), 6)
        AS index_hit_ratio
FROM leaves
INNER JOIN pg_class AS root ON leaves.root = root.oid
INNER JOIN pg_namespace AS n ON root.relnamespace = n.oid
GROUP BY n.nspname, root.relname;
COMMENT ON VIEW analytics.cache_hit_ratio IS
'How often a block of each table was in the database''s own memory when it was wanted, partitions summed.';
COMMENT ON COLUMN analytics.cache_hit_ratio.schemaname IS 'Schema of the table.';
COMMENT ON COLUMN analytics.cache_hit_ratio.tablename IS 'Name of the table.';
COMMENT ON COLUMN analytics.cache_hit_ratio.table_hits IS 'Blocks of the table that were in memory.';
COMMENT ON COLUMN analytics.cache_hit_ratio.table_reads IS 'Blocks of the table that were not.';
COMMENT ON COLUMN analytics.cache_hit_ratio.table_hit_ratio IS
'Share of the table''s blocks that were in memory; NULL when none was wanted. Unit: ratio.';
COMMENT ON COLUMN analytics.cache_hit_ratio.index_hits IS 'Blocks of its indexes that were in memory.';
COMMENT ON COLUMN analytics.cache_hit_ratio.index_reads IS 'Blocks of its indexes that were not.';
COMMENT ON COLUMN analytics.cache_hit_ratio.index_hit_ratio IS
'Share of the indexes'' blocks that were in memory; NULL when none was wanted. Unit: ratio.';

-- The extension may be missing on a server of somebody else's; then there is nothing to tell. Texts of commands that
-- are not queries are left out: they may hold secrets.
CREATE FUNCTION analytics.statement_statistics()
RETURNS TABLE (
    query TEXT,
    calls BIGINT,
    total_exec_ms DOUBLE PRECISION,
    mean_exec_ms DOUBLE PRECISION,
    max_exec_ms DOUBLE PRECISION,
    rows_returned BIGINT,
    blocks_hit BIGINT,
    blocks_read BIGINT
)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog
AS $$
DECLARE
    place name;
BEGIN
    SELECT n.nspname INTO place
    FROM pg_extension AS e INNER JOIN pg_namespace AS n ON e.extnamespace = n.oid
    WHERE e.extname = 'pg_stat_statements';
    IF place IS NULL OR current_setting('shared_preload_libraries') NOT LIKE '%pg_stat_statements%' THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE format(
        'SELECT query, calls, total_exec_time, mean_exec_time, max_exec_time, rows, shared_blks_hit, shared_blks_read'
        ' FROM %I.pg_stat_statements'
        ' WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())'
        ' AND query ~* ''^\s*(SELECT|WITH|INSERT|UPDATE|DELETE|MERGE)\y''',
        place
    );
END
$$;
COMMENT ON FUNCTION analytics.statement_statistics() IS
'What pg_stat_statements counted of this database''s queries; no rows where the server does not offer it.';

CREATE VIEW analytics.slow_statements AS
SELECT
    query,
    calls,
    round(mean_exec_ms::NUMERIC, 3) AS mean_ms,
    round(max_exec_ms::NUMERIC, 3) AS max_ms,
    round(total_exec_ms::NUMERIC, 3) AS total_ms,
    rows_returned,
    round(blocks_hit::NUMERIC / nullif(blocks_hit + blocks_read, 0), 6) AS hit_ratio
FROM analytics.statement_statistics()
ORDER BY total_exec_ms DESC;
COMMENT ON VIEW analytics.slow_statements IS
'Queries by the time that they took in all since the statistics were reset. Empty without pg_stat_statements.';
COMMENT ON COLUMN analytics.slow_statements.query IS 'The query, its constants replaced by $1, $2 and so on.';
COMMENT ON COLUMN analytics.slow_statements.calls IS 'Times it was run.';
COMMENT ON COLUMN analytics.slow_statements.mean_ms IS 'Mean time of a run. Unit: ms.';
COMMENT ON COLUMN analytics.slow_statements.max_ms IS 'Longest time of a run. Unit: ms.';
COMMENT ON COLUMN analytics.slow_statements.total_ms IS 'Time of all runs. Unit: ms.';
COMMENT ON COLUMN analytics.slow_statements.rows_returned IS 'Rows that it returned or changed in all. Unit: rows.';
COMMENT ON COLUMN analytics.slow_statements.hit_ratio IS
'Share of the blocks that were in memory; NULL when none was wanted. Unit: ratio.';

GRANT SELECT ON ALL TABLES IN SCHEMA ops, analytics TO cryptoflow_reader;
GRANT EXECUTE ON FUNCTION analytics.statement_statistics() TO cryptoflow_reader;
