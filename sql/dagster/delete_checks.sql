-- Purpose: executions of checks of given runs, but the newest and the newest evaluated one of each check and partition.
-- Parameters: runs (text[]; '' names the executions of no run), before.
-- Writes: asset_check_executions.
-- Idempotent: what is gone is not found again.
DELETE FROM asset_check_executions AS old
WHERE
    old.run_id = any(%(runs)s::text[])
    AND old.create_timestamp < %(before)s::timestamptz AT TIME ZONE 'UTC'
    AND EXISTS (
        SELECT 1
        FROM asset_check_executions AS later
        WHERE
            later.asset_key = old.asset_key
            AND later.check_name = old.check_name
            AND later.partition IS NOT DISTINCT FROM old.partition
            AND later.id > old.id
            AND (later.evaluation_event IS NOT NULL OR old.evaluation_event IS NULL)
    );
