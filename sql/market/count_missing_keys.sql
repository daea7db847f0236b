-- Purpose: by provider, how many fewer keys are in force than its newest completed collection listed assets.
-- Reads: ops.collection_status, market.asset_aliases. Writes: nothing.
WITH newest AS (
    SELECT DISTINCT ON (provider)
        provider,
        coins_processed
    FROM ops.collection_status
    WHERE
        dataset = 'market.assets'
        AND status = 'completed'
    ORDER BY provider ASC, start_time DESC
)

SELECT
    newest.provider,
    greatest(newest.coins_processed - count(aliases.alias_id), 0) AS missing
FROM newest
LEFT JOIN market.asset_aliases AS aliases
    ON
        newest.provider = aliases.provider
        AND aliases.kind = 'key'
        AND aliases.valid_to IS NULL
GROUP BY newest.provider, newest.coins_processed
ORDER BY newest.provider;
