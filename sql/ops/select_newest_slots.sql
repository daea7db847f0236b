-- Purpose: the newest slot of each provider in which it was due, and its newest slot that was observed.
-- Parameters: dataset.
-- Reads: ops.slots, ops.collection_status. Writes: nothing.
WITH providers AS (
    SELECT DISTINCT slots.provider
    FROM ops.slots AS slots
    WHERE
        slots.dataset = %(dataset)s
        AND slots.slot > now() - interval '40 days'
),

newest AS (
    SELECT
        providers.provider,
        (
            SELECT max(due.slot)
            FROM ops.slots AS due
            WHERE
                due.dataset = %(dataset)s
                AND due.provider = providers.provider
                AND due.state NOT IN ('not_due', 'confirmed_empty')
        ) AS due_slot,
        (
            SELECT max(seen.slot)
            FROM ops.slots AS seen
            WHERE
                seen.dataset = %(dataset)s
                AND seen.provider = providers.provider
                AND seen.state = 'observed'
        ) AS observed_slot
    FROM providers
)

SELECT
    newest.provider,
    newest.due_slot,
    newest.observed_slot,
    slots.state,
    slots.reason,
    collections.batch_details
FROM newest
INNER JOIN ops.slots AS slots
    ON
        slots.dataset = %(dataset)s
        AND newest.provider = slots.provider
        AND newest.due_slot = slots.slot
LEFT JOIN ops.collection_status AS collections ON slots.collection_id = collections.id
ORDER BY newest.provider;
