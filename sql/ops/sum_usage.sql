-- Purpose: what a provider was asked since a day.
-- Parameters: provider, since (date).
-- Reads: ops.api_usage_stats. Writes: nothing.
SELECT
    coalesce(sum(total_calls), 0)::bigint AS calls,
    coalesce(sum(credits_used), 0)::bigint AS credits
FROM ops.api_usage_stats
WHERE
    provider = %(provider)s
    AND date >= %(since)s;
