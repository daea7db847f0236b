-- Purpose: keep one line about a call to a provider.
-- Parameters: the columns of raw.fetches but its key.
-- Writes: raw.fetches.
-- Idempotent: no; every call is a line of its own.
INSERT INTO raw.fetches (
    provider,
    endpoint,
    params,
    started_at,
    elapsed_ms,
    attempt,
    outcome,
    status,
    credits,
    error,
    payload_sha256,
    run_id,
    received_at
)
VALUES (
    %(provider)s,
    %(endpoint)s,
    %(params)s,
    %(started_at)s,
    %(elapsed_ms)s,
    %(attempt)s,
    %(outcome)s,
    %(status)s,
    %(credits)s,
    %(error)s,
    %(payload_sha256)s,
    %(run_id)s,
    %(received_at)s
);
