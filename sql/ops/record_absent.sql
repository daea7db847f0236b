-- Purpose: record which assets were due in a slot that is being observed and are not in it, each with state and reason.
-- Parameters: dataset, provider, slot, first_ranks, last_ranks, states, reasons, refused, refusals, came.
-- The stretches of the ranking that were asked, and what absence from each means; assets whose rows were refused, and
-- why; assets that are stored.
-- Reads: ops.last_samples, ops.slots. Writes: ops.slot_exceptions, ops.last_samples.
-- Idempotent: the asset in the slot is the key; what came is no exception any more; a slot that was observed before
-- gets no new ones. An asset that its page no longer has is told once: its rank is unknown until it is seen again.
WITH asked AS (
    SELECT
        stretches.first_rank,
        stretches.last_rank,
        stretches.state,
        stretches.reason
    FROM
        unnest(
            %(first_ranks)s::int[], %(last_ranks)s::int[], %(states)s::text[], %(reasons)s::text[]
        ) AS stretches (first_rank, last_rank, state, reason)
),

came AS (
    SELECT stored.asset_id
    FROM unnest(%(came)s::int[]) AS stored (asset_id)
),

refused AS (
    SELECT
        kept_aside.asset_id,
        kept_aside.reason
    FROM unnest(%(refused)s::int[], %(refusals)s::text[]) AS kept_aside (asset_id, reason)
    LEFT JOIN came ON kept_aside.asset_id = came.asset_id
    WHERE came.asset_id IS NULL
),

due AS (
    SELECT DISTINCT ON (last.asset_id)
        last.asset_id,
        asked.state,
        asked.reason
    FROM ops.last_samples AS last
    INNER JOIN asked ON last.market_cap_rank BETWEEN asked.first_rank AND asked.last_rank
    LEFT JOIN came ON last.asset_id = came.asset_id
    LEFT JOIN refused ON last.asset_id = refused.asset_id
    WHERE
        last.provider = %(provider)s
        AND came.asset_id IS NULL
        AND refused.asset_id IS NULL
    -- Of two stretches that overlap, the one that failed says why.
    ORDER BY last.asset_id ASC, (asked.state = 'source_has_none') ASC
),

absent AS (
    SELECT
        due.asset_id,
        due.state,
        due.reason
    FROM due
    UNION ALL
    SELECT
        refused.asset_id,
        'feed_down' AS state,
        refused.reason
    FROM refused
),

first_look AS (
    SELECT count(*) = 0 AS is_so
    FROM ops.slots
    WHERE
        slots.dataset = %(dataset)s
        AND slots.provider = %(provider)s
        AND slots.slot = %(slot)s
        AND slots.state = 'observed'
),

settled AS (
    DELETE FROM ops.slot_exceptions AS exceptions
    USING came
    WHERE
        exceptions.dataset = %(dataset)s
        AND exceptions.provider = %(provider)s
        AND exceptions.slot = %(slot)s
        AND exceptions.asset_id = came.asset_id
),

told AS (
    INSERT INTO ops.slot_exceptions AS known (dataset, provider, slot, asset_id, state, reason)
    SELECT
        %(dataset)s,
        %(provider)s,
        %(slot)s::timestamptz,
        absent.asset_id,
        absent.state,
        absent.reason
    FROM absent
    INNER JOIN first_look ON first_look.is_so
    ON CONFLICT (dataset, provider, slot, asset_id) DO UPDATE
        SET
            state = excluded.state,
            reason = excluded.reason
),

moved AS (
    UPDATE ops.last_samples AS last
    SET market_cap_rank = NULL
    FROM due, first_look
    WHERE
        last.provider = %(provider)s
        AND last.asset_id = due.asset_id
        AND due.state = 'source_has_none'
        AND first_look.is_so
)

SELECT count(*) AS due_and_not_come
FROM due;
