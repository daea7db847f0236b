-- Purpose: ticks of schedules and sensors that are gone from the code and purge no more; the newest of each stays.
-- Parameters: before, most.
-- Writes: job_ticks.
-- Idempotent: what is gone is not found again.
DELETE FROM job_ticks
WHERE id IN (
    SELECT old.id
    FROM job_ticks AS old
    WHERE
        old.timestamp < %(before)s::timestamptz AT TIME ZONE 'UTC'
        AND EXISTS (
            SELECT 1
            FROM job_ticks AS later
            WHERE
                later.selector_id = old.selector_id
                AND later.timestamp > old.timestamp
        )
    ORDER BY old.id
    LIMIT %(most)s
);
