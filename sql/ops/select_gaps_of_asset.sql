-- Purpose: every slot of a dataset in a stretch of time in which an asset was not observed, with its state and reason.
-- Parameters: dataset, asset_id, starts, ends, planned (whether slots in which it was not due are told too).
-- Reads: ops.slots, ops.slot_exceptions, ops.last_samples, market.asset_aliases. Writes: nothing.
WITH spans AS (
    SELECT
        slots.provider,
        min(slots.slot) AS first_slot
    FROM ops.slots AS slots
    WHERE slots.dataset = %(dataset)s
    GROUP BY slots.provider
),

-- Only providers that list the asset, or once did.
listing AS (
    SELECT
        spans.provider,
        spans.first_slot,
        min(aliases.valid_from) AS listed_from
    FROM spans
    INNER JOIN market.asset_aliases AS aliases
        ON
            spans.provider = aliases.provider
            AND aliases.asset_id = %(asset_id)s
            AND aliases.kind = 'key'
    GROUP BY spans.provider, spans.first_slot
),

grid AS (
    SELECT
        listing.provider,
        expected.slot
    FROM listing
    CROSS JOIN LATERAL generate_series(
        greatest(listing.first_slot, date_bin('1 minute', listing.listed_from, 'epoch'), %(starts)s::timestamptz),
        %(ends)s::timestamptz - interval '1 minute',
        interval '1 minute'
    ) AS expected (slot)
),

told AS (
    SELECT
        grid.provider,
        grid.slot,
        CASE
            WHEN slots.state IS NULL THEN 'feed_down'
            WHEN slots.state <> 'observed' THEN slots.state
            WHEN exceptions.state IS NOT NULL THEN exceptions.state
            WHEN NOT coalesce(slots.ranks_asked @> last.market_cap_rank, TRUE) THEN 'not_due'
            ELSE 'observed'
        END AS state,
        CASE
            WHEN slots.state IS NULL THEN 'Nothing was collected: the platform did not run, or was busy.'
            WHEN slots.state <> 'observed' THEN slots.reason
            WHEN exceptions.state IS NOT NULL THEN exceptions.reason
            WHEN NOT coalesce(slots.ranks_asked @> last.market_cap_rank, TRUE)
                THEN 'The collection plan that fits the quota did not ask its rank in this slot.'
        END AS reason
    FROM grid
    LEFT JOIN ops.slots AS slots
        ON
            slots.dataset = %(dataset)s
            AND grid.provider = slots.provider
            AND grid.slot = slots.slot
    LEFT JOIN ops.slot_exceptions AS exceptions
        ON
            exceptions.dataset = %(dataset)s
            AND grid.provider = exceptions.provider
            AND grid.slot = exceptions.slot
            AND exceptions.asset_id = %(asset_id)s
    LEFT JOIN ops.last_samples AS last
        ON
            grid.provider = last.provider
            AND last.asset_id = %(asset_id)s
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
