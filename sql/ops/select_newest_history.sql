-- Purpose: what the newest run of history of each provider left to ask for, and why it stopped.
-- Reads: ops.collection_status. Writes: nothing.
SELECT DISTINCT ON (provider)
    provider,
    coalesce((batch_details ->> 'left')::int, 0) AS charts_left,
    batch_details ->> 'stopped_by' AS stopped_by,
    batch_details ->> 'goes_on_at' AS goes_on_at
FROM ops.collection_status
WHERE
    dataset = 'raw.market_chart_points'
    AND status IN ('completed', 'failed')
ORDER BY provider ASC, start_time DESC;
