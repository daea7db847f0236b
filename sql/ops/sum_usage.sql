-- Purpose: what a provider was asked since a day; and how much of that for history, which lives on the quota's reserve.
-- Parameters: provider, since (date).
-- Reads: ops.api_usage_stats, ops.collection_status. Writes: nothing.
SELECT
    coalesce(sum(total_calls), 0)::bigint AS calls,
    coalesce(sum(credits_used), 0)::bigint AS credits,
    (
        SELECT coalesce(sum(history.api_calls_made), 0)::bigint
        FROM ops.collection_status AS history
        WHERE
            history.provider = %(provider)s
            AND history.dataset = 'raw.market_chart_points'
            AND history.start_time >= %(since)s::timestamp AT TIME ZONE 'UTC'
    ) AS from_reserve
FROM ops.api_usage_stats
WHERE
    provider = %(provider)s
    AND date >= %(since)s;
