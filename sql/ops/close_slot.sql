-- Purpose: say what became of a slot.
-- Parameters: the columns of ops.slots but closed_at.
-- Writes: ops.slots.
-- Idempotent: the slot is the key; a slot that was observed is not told to be less.
INSERT INTO ops.slots AS known (
    dataset,
    provider,
    slot,
    state,
    reason,
    assets_expected,
    assets_observed,
    assets_refused,
    collection_id,
    ranks_asked
)
VALUES (
    %(dataset)s,
    %(provider)s,
    %(slot)s,
    %(state)s,
    %(reason)s,
    %(assets_expected)s,
    %(assets_observed)s,
    %(assets_refused)s,
    %(collection_id)s,
    %(ranks_asked)s::int4multirange
)
ON CONFLICT (dataset, provider, slot) DO UPDATE
    SET
        state = excluded.state,
        reason = excluded.reason,
        assets_expected = CASE
            WHEN known.state = 'observed' THEN greatest(known.assets_expected, excluded.assets_expected)
            ELSE excluded.assets_expected
        END,
        assets_observed = greatest(known.assets_observed, excluded.assets_observed),
        assets_refused = excluded.assets_refused,
        collection_id = excluded.collection_id,
        ranks_asked = coalesce(known.ranks_asked + excluded.ranks_asked, excluded.ranks_asked, known.ranks_asked),
        closed_at = now()
    WHERE
        known.state <> 'observed'
        OR excluded.state = 'observed';
