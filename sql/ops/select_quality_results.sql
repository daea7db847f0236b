-- Purpose: what the newest look at each dataset gave, what failed first.
-- Parameters: dataset (NULL for all), failed (true: only what did not hold).
-- Reads: the system catalogs. Writes: nothing.
SELECT
    dataset,
    suite,
    expectation,
    severity,
    success,
    evaluated,
    unexpected,
    evaluated_at,
    what,
    sample,
    error
FROM analytics.quality_results_latest
WHERE
    (%(dataset)s::text IS NULL OR dataset = %(dataset)s)
    AND (NOT %(failed)s OR NOT success)
ORDER BY success ASC, severity ASC, dataset ASC, suite ASC, expectation ASC;
