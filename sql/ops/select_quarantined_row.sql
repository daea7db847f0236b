-- Purpose: one row in quarantine, and what is kept of the answer that held it. It is locked until the transaction ends.
-- Parameters: held_id.
-- Reads: ops.quarantine, raw.payloads, raw.fetches. Writes: nothing.
SELECT
    held.dataset,
    held.provider,
    held.rule,
    held.reason,
    held.row_text,
    held.payload_sha256,
    calls.received_at AS fetched_at,
    held.run_id,
    held.times_seen,
    held.recorded_at,
    held.last_seen_at,
    held.state,
    held.decided_at,
    held.decided_by,
    held.decision_reason,
    payloads.body_bytes,
    payloads.media_type
FROM ops.quarantine AS held
LEFT JOIN raw.payloads AS payloads ON held.payload_sha256 = payloads.payload_sha256
LEFT JOIN LATERAL (
    SELECT min(fetches.received_at) AS received_at
    FROM raw.fetches AS fetches
    WHERE fetches.payload_sha256 = held.payload_sha256
) AS calls ON TRUE
WHERE held.quarantine_id = %(held_id)s
FOR UPDATE OF held;
