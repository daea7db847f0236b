-- Purpose: keep what looking at the expectations of a dataset gave.
-- Parameters: rows (jsonb array with the columns of the table).
-- Writes: ops.quality_results.
-- Idempotent: a look is told apart by its instant; the same look a second time changes nothing.
INSERT INTO ops.quality_results (
    evaluated_at,
    dataset,
    expectation,
    suite,
    what,
    severity,
    success,
    evaluated,
    unexpected,
    sample,
    window_starts,
    window_ends,
    error,
    run_id
)
SELECT
    looked.evaluated_at,
    looked.dataset,
    looked.expectation,
    looked.suite,
    looked.what,
    looked.severity,
    looked.success,
    looked.evaluated,
    looked.unexpected,
    looked.sample,
    looked.window_starts,
    looked.window_ends,
    looked.error,
    looked.run_id
FROM jsonb_to_recordset(%(rows)s) AS looked (
    evaluated_at timestamptz,
    dataset text,
    expectation text,
    suite text,
    what text,
    severity text,
    success boolean,
    evaluated bigint,
    unexpected bigint,
    sample jsonb,
    window_starts timestamptz,
    window_ends timestamptz,
    error text,
    run_id text
)
ON CONFLICT (evaluated_at, dataset, expectation) DO NOTHING;
