-- Purpose: one whole answer in quarantine, and whether its bytes are kept. It is locked until the transaction ends.
-- Parameters: held_id.
-- Reads: ops.quarantine_batches, raw.payloads. Writes: nothing.
SELECT
    batches.dataset,
    batches.provider,
    batches.rule,
    batches.reason,
    batches.row_count,
    batches.payload_sha256,
    batches.slot,
    batches.fetched_at,
    batches.run_id,
    batches.times_seen,
    batches.recorded_at,
    batches.last_seen_at,
    batches.state,
    batches.decided_at,
    batches.decided_by,
    batches.decision_reason,
    payloads.body_bytes,
    payloads.media_type
FROM ops.quarantine_batches AS batches
LEFT JOIN raw.payloads AS payloads ON batches.payload_sha256 = payloads.payload_sha256
WHERE batches.batch_id = %(held_id)s
FOR UPDATE OF batches;
