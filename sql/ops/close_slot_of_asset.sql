-- Purpose: say what became of one asset in a slot.
-- Parameters: dataset, provider, slot, asset_id, state, reason.
-- Writes: ops.slot_exceptions.
-- Idempotent: the asset in the slot is the key.
INSERT INTO ops.slot_exceptions (dataset, provider, slot, asset_id, state, reason)
VALUES (%(dataset)s, %(provider)s, %(slot)s, %(asset_id)s, %(state)s, %(reason)s)
ON CONFLICT (dataset, provider, slot, asset_id) DO UPDATE
    SET
        state = excluded.state,
        reason = excluded.reason;
