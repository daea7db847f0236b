-- Purpose: results of expectations, with the views that read them.
-- Writes: ops.quality_results and views in analytics.
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

CREATE VIEW analytics.quality_results_latest AS
WITH newest AS (
    SELECT
        dataset,
        max(evaluated_at) AS evaluated_at
    FROM ops.quality_results
    GROUP BY dataset
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

GRANT SELECT ON ALL TABLES IN SCHEMA ops, analytics TO cryptoflow_reader;
