-- Purpose: runs, after their events; their tags go with them.
-- Parameters: runs (text[]).
-- Writes: runs.
-- Idempotent: what is gone is not found again.
DELETE FROM runs
WHERE run_id = any(%(runs)s::text[]);
