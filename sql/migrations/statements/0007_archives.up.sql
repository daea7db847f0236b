-- Purpose: records of archived days, the policy of every table, when an answer was received, and room for the updates
-- of open days, weeks and months.
-- Writes: tables in ops, a view in analytics, a column in raw, storage options in market.
-- Idempotent: no; Alembic runs it once, in one transaction.
CREATE TABLE ops.retention_policies (
    table_name TEXT NOT NULL,
    clock TEXT,
    days_kept INTEGER,
    setting TEXT,
    is_archived BOOLEAN NOT NULL,
    drop_unit TEXT,
    written_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_retention_policies PRIMARY KEY (table_name),
    CONSTRAINT ck_retention_policies_days_kept CHECK (days_kept >= 1),
    CONSTRAINT ck_retention_policies_drop_unit CHECK (drop_unit IN ('row', 'day', 'month', 'year'))
);
COMMENT ON TABLE ops.retention_policies IS
'How long each table keeps its rows, as its contract says; written anew with every migration.';
COMMENT ON COLUMN ops.retention_policies.table_name IS 'The table, with its schema.';
COMMENT ON COLUMN ops.retention_policies.clock IS 'The column that says how old a row is.';
COMMENT ON COLUMN ops.retention_policies.days_kept IS 'Days after the clock; NULL: for ever.';
COMMENT ON COLUMN ops.retention_policies.setting IS 'The setting that overrides the days, where there is one.';
COMMENT ON COLUMN ops.retention_policies.is_archived IS 'Whether rows are archived as Parquet before they are let go.';
COMMENT ON COLUMN ops.retention_policies.drop_unit IS 'What goes at once; NULL: nothing goes.';
COMMENT ON COLUMN ops.retention_policies.written_at IS 'When the row was written.';

CREATE TABLE ops.archives (
    table_name TEXT NOT NULL,
    day DATE NOT NULL,
    part SMALLINT NOT NULL,
    path TEXT NOT NULL,
    row_count BIGINT NOT NULL,
    file_bytes BIGINT NOT NULL,
    sha256 BYTEA NOT NULL,
    newest_recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    archived_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_archives PRIMARY KEY (table_name, day, part),
    CONSTRAINT uq_archives_path UNIQUE (path),
    CONSTRAINT ck_archives_part CHECK (part >= 1),
    CONSTRAINT ck_archives_row_count CHECK (row_count >= 1),
    CONSTRAINT ck_archives_file_bytes CHECK (file_bytes >= 1)
);
COMMENT ON TABLE ops.archives IS
'Days that were written to Parquet and let go. A day of which rows came later has further parts.';
COMMENT ON COLUMN ops.archives.table_name IS 'The table, with its schema.';
COMMENT ON COLUMN ops.archives.day IS 'UTC day of the rows.';
COMMENT ON COLUMN ops.archives.part IS '1 for the day as it was; more for what came after.';
COMMENT ON COLUMN ops.archives.path IS 'The file, below the folder of archives.';
COMMENT ON COLUMN ops.archives.row_count IS 'Rows in the file.';
COMMENT ON COLUMN ops.archives.file_bytes IS 'Size of the file.';
COMMENT ON COLUMN ops.archives.sha256 IS 'SHA-256 of the file.';
COMMENT ON COLUMN ops.archives.newest_recorded_at IS 'The latest `recorded_at` in it: nothing in it is newer.';
COMMENT ON COLUMN ops.archives.archived_at IS 'When it was written.';

CREATE VIEW analytics.retention_policy AS
SELECT
    table_name,
    clock,
    days_kept,
    setting,
    is_archived,
    drop_unit
FROM ops.retention_policies;
COMMENT ON VIEW analytics.retention_policy IS
'How long each table keeps its rows, whether they are archived before they go, and what goes at once.';
COMMENT ON COLUMN analytics.retention_policy.table_name IS 'The table, with its schema.';
COMMENT ON COLUMN analytics.retention_policy.clock IS 'The column that says how old a row is.';
COMMENT ON COLUMN analytics.retention_policy.days_kept IS 'Days after the clock; NULL: for ever.';
COMMENT ON COLUMN analytics.retention_policy.setting IS 'The setting that overrides the days, where there is one.';
COMMENT ON COLUMN analytics.retention_policy.is_archived IS
'Whether rows are archived as Parquet before they are let go.';
COMMENT ON COLUMN analytics.retention_policy.drop_unit IS
'What goes at once: row, or the partition of a day, month or year; NULL: nothing goes.';
GRANT SELECT ON analytics.retention_policy TO cryptoflow_reader;

-- What was received when is needed to replay an answer with the instant that it came with.
ALTER TABLE raw.fetches ADD COLUMN received_at TIMESTAMP WITH TIME ZONE;
COMMENT ON COLUMN raw.fetches.received_at IS 'When the answer was received, when there was one.';

-- Their rows are rewritten with every tick: half of each page is left for the next version.
ALTER TABLE market.weekly_close SET (fillfactor = 50);
ALTER TABLE market.monthly_close SET (fillfactor = 50);
DO $$
DECLARE
    part regclass;
BEGIN
    FOR part IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'market.daily_close'::regclass LOOP
        EXECUTE format('ALTER TABLE %s SET (fillfactor = 50)', part);
    END LOOP;
END
$$;
