-- Purpose: the compressed body of a kept answer.
-- Parameters: payload_sha256.
-- Reads: raw.payloads. Writes: nothing.
SELECT body
FROM raw.payloads
WHERE payload_sha256 = %(payload_sha256)s;
