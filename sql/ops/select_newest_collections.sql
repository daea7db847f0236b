-- Purpose: how the newest collection of each dataset and provider ended.
-- Reads: ops.collection_status. Writes: nothing.
SELECT DISTINCT ON (dataset, provider)
    dataset,
    provider,
    status,
    start_time,
    error_message
FROM ops.collection_status
ORDER BY dataset ASC, provider ASC, start_time DESC;
