-- Purpose: of given assets, how many have had their first history asked for.
-- Parameters: provider, assets (int[]), days.
-- Reads: ops.history_requests. Writes: nothing.
SELECT count(DISTINCT asset_id) AS asked
FROM ops.history_requests
WHERE
    provider = %(provider)s
    AND asset_id = any(%(assets)s::int[])
    AND first_days = %(days)s
    AND state <> 'failed';
