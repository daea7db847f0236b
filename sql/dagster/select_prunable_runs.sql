-- Purpose: the oldest runs that are over and past their time, without those that the UI still tells from.
-- Parameters: before (for runs that ended well or were cancelled), failed_before (for failed ones), most.
-- Reads: the system catalogs. Writes: nothing.
SELECT runs.run_id
FROM runs
WHERE
    runs.status IN ('SUCCESS', 'FAILURE', 'CANCELED')
    AND coalesce(to_timestamp(runs.end_time), runs.create_timestamp AT TIME ZONE 'UTC')
    < CASE WHEN runs.status = 'FAILURE' THEN %(failed_before)s::timestamptz ELSE %(before)s::timestamptz END
    -- The newest run of each job stays.
    AND EXISTS (
        SELECT 1
        FROM runs AS later
        WHERE
            later.pipeline_name = runs.pipeline_name
            AND later.id > runs.id
    )
    -- The newest run of each asset stays, and the one that materialized it last.
    AND NOT EXISTS (
        SELECT 1
        FROM asset_keys
        WHERE asset_keys.last_run_id = runs.run_id
    )
    AND NOT EXISTS (
        SELECT 1
        FROM event_logs AS newest
        WHERE
            newest.run_id = runs.run_id
            AND newest.dagster_event_type = 'ASSET_MATERIALIZATION'
            AND NOT EXISTS (
                SELECT 1
                FROM event_logs AS later
                WHERE
                    later.asset_key = newest.asset_key
                    AND later.dagster_event_type = 'ASSET_MATERIALIZATION'
                    AND later.id > newest.id
            )
    )
    -- The run of the newest execution of each check stays.
    AND NOT EXISTS (
        SELECT 1
        FROM asset_check_executions AS newest
        WHERE
            newest.run_id = runs.run_id
            AND NOT EXISTS (
                SELECT 1
                FROM asset_check_executions AS later
                WHERE
                    later.asset_key = newest.asset_key
                    AND later.check_name = newest.check_name
                    AND later.partition IS NOT DISTINCT FROM newest.partition
                    AND later.id > newest.id
            )
    )
    -- A partition whose last attempt failed says so by its run.
    AND NOT EXISTS (
        SELECT 1
        FROM event_logs AS attempt
        WHERE
            runs.status <> 'SUCCESS'
            AND attempt.run_id = runs.run_id
            AND attempt.dagster_event_type = 'ASSET_MATERIALIZATION_PLANNED'
            AND attempt.partition IS NOT NULL
            AND NOT EXISTS (
                SELECT 1
                FROM event_logs AS later
                WHERE
                    later.asset_key = attempt.asset_key
                    AND later.dagster_event_type IN ('ASSET_MATERIALIZATION', 'ASSET_MATERIALIZATION_PLANNED')
                    AND later.partition = attempt.partition
                    AND later.id > attempt.id
            )
    )
    -- A backfill that is under way counts its runs.
    AND NOT EXISTS (
        SELECT 1
        FROM bulk_actions AS backfills
        WHERE
            backfills.key = runs.backfill_id
            AND backfills.status IN ('REQUESTED', 'CANCELING', 'FAILING')
    )
ORDER BY runs.id ASC
LIMIT %(most)s;
