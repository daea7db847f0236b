-- Purpose: keep the body of an answer once.
-- Parameters: payload_sha256, body (zlib), body_bytes, media_type, fetched_at.
-- Writes: raw.payloads.
-- Idempotent: the key is the hash of the body; a body that is known only has its dates widened.
INSERT INTO raw.payloads AS known (
    payload_sha256,
    body,
    body_bytes,
    media_type,
    first_fetched_at,
    last_fetched_at
)
VALUES (
    %(payload_sha256)s,
    %(body)s,
    %(body_bytes)s,
    %(media_type)s,
    %(fetched_at)s,
    %(fetched_at)s
)
ON CONFLICT (payload_sha256) DO UPDATE
    SET
        first_fetched_at = least(known.first_fetched_at, excluded.first_fetched_at),
        last_fetched_at = greatest(known.last_fetched_at, excluded.last_fetched_at);
