-- Purpose: keep one whole answer that was refused because it changed its nature.
-- Parameters: dataset, provider, rule, reason, payload_sha256, row_count, slot, fetched_at, run_id.
-- Writes: ops.quarantine_batches.
-- Idempotent: the same answer only counts once more; what was decided of it stays.
INSERT INTO ops.quarantine_batches AS known (
    dataset,
    provider,
    rule,
    reason,
    payload_sha256,
    row_count,
    slot,
    fetched_at,
    run_id
)
VALUES (
    %(dataset)s,
    %(provider)s,
    %(rule)s,
    %(reason)s,
    %(payload_sha256)s,
    %(row_count)s,
    %(slot)s,
    %(fetched_at)s,
    %(run_id)s
)
ON CONFLICT (payload_sha256, dataset, provider) DO UPDATE
    SET
        times_seen = known.times_seen + 1,
        last_seen_at = now();
