-- Purpose: events of given runs that nothing is told from any more, with their tags; returns how many went.
-- Parameters: runs (text[]; '' names the events of no run), before, most.
-- Writes: asset_event_tags, event_logs.
-- Idempotent: what is gone is not found again.
WITH doomed AS (
    SELECT old.id
    FROM event_logs AS old
    WHERE
        old.run_id = any(%(runs)s::text[])
        AND old.timestamp < %(before)s::timestamptz AT TIME ZONE 'UTC'
        AND (
            old.asset_key IS NULL
            -- How a partition stands is told from its newest event of each kind; what was planned is settled by what
            -- was made of it. Materializations of partitions stay, all of them.
            OR (
                old.partition IS NOT NULL
                AND old.dagster_event_type <> 'ASSET_MATERIALIZATION'
                AND EXISTS (
                    SELECT 1
                    FROM event_logs AS later
                    WHERE
                        later.asset_key = old.asset_key
                        AND later.dagster_event_type IN (
                            old.dagster_event_type,
                            CASE old.dagster_event_type
                                WHEN 'ASSET_MATERIALIZATION_PLANNED' THEN 'ASSET_MATERIALIZATION'
                            END
                        )
                        AND later.partition = old.partition
                        AND later.id > old.id
                )
            )
            OR (
                old.partition IS NULL
                AND EXISTS (
                    SELECT 1
                    FROM event_logs AS later
                    WHERE
                        later.asset_key = old.asset_key
                        AND later.dagster_event_type IN (
                            old.dagster_event_type,
                            CASE old.dagster_event_type
                                WHEN 'ASSET_MATERIALIZATION_PLANNED' THEN 'ASSET_MATERIALIZATION'
                            END
                        )
                        AND later.partition IS NULL
                        AND later.id > old.id
                )
            )
        )
        -- The newest execution of a check points to its evaluation.
        AND NOT EXISTS (
            SELECT 1
            FROM asset_check_executions AS checks
            WHERE
                checks.evaluation_event_storage_id = old.id
                AND checks.run_id = old.run_id
                AND NOT EXISTS (
                    SELECT 1
                    FROM asset_check_executions AS later
                    WHERE
                        later.asset_key = checks.asset_key
                        AND later.check_name = checks.check_name
                        AND later.partition IS NOT DISTINCT FROM checks.partition
                        AND later.evaluation_event IS NOT NULL
                        AND later.id > checks.id
                )
        )
    ORDER BY old.id
    LIMIT %(most)s
),

untagged AS (
    DELETE FROM asset_event_tags
    WHERE event_id IN (SELECT doomed.id FROM doomed)
),

gone AS (
    DELETE FROM event_logs
    WHERE id IN (SELECT doomed.id FROM doomed)
    RETURNING id
)

SELECT count(*)
FROM gone;
