-- Purpose: when expectations were last looked at; no row when they never were.
-- Reads: ops.quality_results. Writes: nothing.
SELECT evaluated_at
FROM ops.quality_results
ORDER BY evaluated_at DESC
LIMIT 1;
