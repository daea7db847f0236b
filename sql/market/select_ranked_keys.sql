-- Purpose: the largest assets by their newest rank, with the key by which a provider knows them.
-- Parameters: provider, most (how many).
-- Reads: raw.market_snapshots, market.assets, market.asset_aliases. Writes: nothing.
WITH newest AS (
    -- The listings of the last hour that there are any of: closes do not do, a chart has no rank.
    SELECT DISTINCT ON (samples.asset_id)
        samples.asset_id,
        samples.market_cap_rank
    FROM raw.market_snapshots AS samples
    WHERE
        samples.provider = %(provider)s
        AND samples.market_cap_rank IS NOT NULL
        AND samples.observed_at > (SELECT max(last.observed_at) FROM raw.market_snapshots AS last) - INTERVAL '1 hour'
    ORDER BY samples.asset_id ASC, samples.observed_at DESC
)

SELECT
    assets.asset_id,
    keys.alias AS asset_key,
    coalesce(newest.market_cap_rank, assets.market_cap_rank) AS market_cap_rank
FROM market.assets AS assets
INNER JOIN market.asset_aliases AS keys
    ON
        assets.asset_id = keys.asset_id
        AND keys.provider = %(provider)s
        AND keys.kind = 'key'
        AND keys.valid_to IS NULL
LEFT JOIN newest ON assets.asset_id = newest.asset_id
WHERE
    assets.is_active
    AND coalesce(newest.market_cap_rank, assets.market_cap_rank) IS NOT NULL
ORDER BY market_cap_rank ASC, assets.asset_id ASC
LIMIT %(most)s;
