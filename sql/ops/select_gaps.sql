-- Purpose: every slot of a dataset in a stretch of time that was not observed, with its state and reason.
-- Parameters: dataset, starts, ends, planned (whether slots in which nothing was due are told too).
-- Reads: ops.slots. Writes: nothing.
WITH spans AS (
    SELECT
        provider,
        min(slot) AS first_slot
    FROM ops.slots
    WHERE dataset = %(dataset)s
    GROUP BY provider
),

grid AS (
    SELECT
        spans.provider,
        expected.slot
    FROM spans
    CROSS JOIN LATERAL generate_series(
        greatest(spans.first_slot, %(starts)s::timestamptz),
        %(ends)s::timestamptz - interval '1 minute',
        interval '1 minute'
    ) AS expected (slot)
),

told AS (
    SELECT
        grid.provider,
        grid.slot,
        coalesce(slots.state, 'feed_down') AS state,
        CASE
            WHEN slots.state IS NULL THEN 'Nothing was collected: the platform did not run, or was busy.'
            ELSE slots.reason
        END AS reason
    FROM grid
    LEFT JOIN ops.slots AS slots
        ON
            slots.dataset = %(dataset)s
            AND grid.provider = slots.provider
            AND grid.slot = slots.slot
)

SELECT
    provider,
    slot,
    state,
    reason
FROM told
WHERE
    state <> 'observed'
    AND (%(planned)s OR state NOT IN ('not_due', 'confirmed_empty'))
ORDER BY provider, slot;
