-- Purpose: how each schedule and sensor ticks: whether it is on, its newest tick, how far apart its ticks usually are,
-- how many of the newest failed in a row, and the newest failure's words.
-- Parameters: since (older ticks are not looked at).
-- Reads: Dagster's own tables. Writes: nothing.
WITH recent AS (
    SELECT
        instigators.status AS switch,
        instigators.instigator_type,
        ticks.status,
        ticks.tick_body,
        instigators.instigator_body::jsonb #>> '{origin,job_name}' AS name,
        ticks.timestamp AT TIME ZONE 'UTC' AS ticked_at,
        extract(
            EPOCH FROM ticks.timestamp - lead(ticks.timestamp) OVER (
                PARTITION BY instigators.id
                ORDER BY ticks.timestamp DESC, ticks.id DESC
            )
        ) AS gap_seconds,
        row_number() OVER (
            PARTITION BY instigators.id
            ORDER BY ticks.timestamp DESC, ticks.id DESC
        ) AS place
    FROM instigators
    LEFT JOIN LATERAL (
        SELECT
            job_ticks.id,
            job_ticks.status,
            job_ticks.timestamp,
            job_ticks.tick_body
        FROM job_ticks
        WHERE
            job_ticks.selector_id = instigators.selector_id
            AND job_ticks.timestamp >= %(since)s::timestamptz AT TIME ZONE 'UTC'
        ORDER BY job_ticks.timestamp DESC, job_ticks.id DESC
        LIMIT 20
    ) AS ticks ON TRUE
    WHERE instigators.instigator_type IN ('SCHEDULE', 'SENSOR')
)

SELECT
    name,
    lower(instigator_type) AS kind,
    switch <> 'STOPPED' AS is_on,
    max(ticked_at) AS ticked_at,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY gap_seconds) AS usual_gap_seconds,
    coalesce(min(place) FILTER (WHERE status <> 'FAILURE') - 1, count(*) FILTER (WHERE status = 'FAILURE')) AS failed,
    (array_agg(tick_body::jsonb #>> '{error,message}' ORDER BY place) FILTER (WHERE status = 'FAILURE'))[1] AS error
FROM recent
GROUP BY name, instigator_type, switch
ORDER BY name;
