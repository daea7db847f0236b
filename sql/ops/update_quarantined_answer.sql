-- Purpose: write down what was decided of a whole answer in quarantine, by whom and why.
-- Parameters: held_id, state, decided_by, decision_reason.
-- Writes: ops.quarantine_batches.
-- Idempotent: what was decided once is not decided again.
UPDATE ops.quarantine_batches
SET
    state = %(state)s,
    decided_at = now(),
    decided_by = %(decided_by)s,
    decision_reason = %(decision_reason)s
WHERE
    batch_id = %(held_id)s
    AND state = 'waiting';
