-- Purpose: tell of a slot that rows of it are stored after all: they were released from quarantine.
-- Parameters: dataset, provider, slot, assets (ids that are stored now).
-- Reads: ops.slots. Writes: ops.slots, ops.slot_exceptions.
-- Idempotent: only assets that were told to be missing count; a slot that was not observed takes them all once.
WITH known AS (
    SELECT slots.state
    FROM ops.slots AS slots
    WHERE
        slots.dataset = %(dataset)s
        AND slots.provider = %(provider)s
        AND slots.slot = %(slot)s
),

settled AS (
    DELETE FROM ops.slot_exceptions AS exceptions
    WHERE
        exceptions.dataset = %(dataset)s
        AND exceptions.provider = %(provider)s
        AND exceptions.slot = %(slot)s
        AND exceptions.asset_id = any(%(assets)s::int[])
    RETURNING exceptions.asset_id
),

came AS (
    SELECT
        CASE
            WHEN (SELECT known.state FROM known) = 'observed' THEN (SELECT count(*) FROM settled)
            ELSE cardinality(%(assets)s::int[])
        END::int AS assets
)

UPDATE ops.slots AS slots
SET
    state = 'observed',
    reason = NULL,
    assets_observed = slots.assets_observed + came.assets,
    assets_expected = greatest(slots.assets_expected, slots.assets_observed + came.assets),
    assets_refused = greatest(0, slots.assets_refused - came.assets),
    closed_at = now()
FROM came
WHERE
    slots.dataset = %(dataset)s
    AND slots.provider = %(provider)s
    AND slots.slot = %(slot)s
    AND came.assets > 0;
