-- Purpose: runs that are not over, oldest first, with the time that each may take where it says so itself.
-- Reads: Dagster's own tables. Writes: nothing.
SELECT
    runs.run_id,
    runs.pipeline_name AS job,
    runs.status,
    runs.create_timestamp AT TIME ZONE 'UTC' AS created_at,
    to_timestamp(runs.start_time) AS started_at,
    runs.update_timestamp AT TIME ZONE 'UTC' AS changed_at,
    (
        -- Anybody may write a tag; one that is no number says nothing.
        SELECT max(substring(run_tags.value FROM '^[0-9]+[.]?[0-9]*$')::double precision)
        FROM run_tags
        WHERE
            run_tags.run_id = runs.run_id
            AND run_tags.key = 'dagster/max_runtime'
    ) AS most_seconds
FROM runs
WHERE runs.status IN ('QUEUED', 'NOT_STARTED', 'STARTING', 'STARTED', 'CANCELING')
ORDER BY runs.id;
