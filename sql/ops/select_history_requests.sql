-- Purpose: which first history was asked of a provider, and which requests failed and are asked again.
-- Parameters: provider.
-- Reads: ops.history_requests. Writes: nothing.
SELECT
    asset_id,
    first_days,
    state,
    attempts,
    asked_at
FROM ops.history_requests
WHERE
    provider = %(provider)s
    AND (first_days IS NOT NULL OR state = 'failed');
