-- Purpose: keep refused rows, whole, with the rule that they broke.
-- Parameters: rows (jsonb array of dataset, provider, rule, reason, row_text, payload_sha256 as hex, run_id).
-- Writes: ops.quarantine.
-- Idempotent: the same row under the same rule only counts once more.
INSERT INTO ops.quarantine AS known (
    dataset,
    provider,
    rule,
    reason,
    row_text,
    row_sha256,
    payload_sha256,
    run_id
)
SELECT DISTINCT ON (refused.dataset, refused.provider, refused.rule, refused.row_text)
    refused.dataset,
    refused.provider,
    refused.rule,
    refused.reason,
    refused.row_text,
    sha256(convert_to(refused.row_text, 'UTF8')),
    decode(refused.payload_sha256, 'hex'),
    refused.run_id
FROM jsonb_to_recordset(%(rows)s) AS refused (
    dataset text,
    provider text,
    rule text,
    reason text,
    row_text text,
    payload_sha256 text,
    run_id text
)
ON CONFLICT (dataset, provider, rule, row_sha256) DO UPDATE
    SET
        times_seen = known.times_seen + 1,
        last_seen_at = now();
