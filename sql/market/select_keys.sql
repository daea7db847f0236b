-- Purpose: which asset each provider's key means, or meant last.
-- Reads: market.asset_aliases. Writes: nothing.
SELECT DISTINCT ON (provider, alias)
    provider,
    alias,
    asset_id
FROM market.asset_aliases
WHERE kind = 'key'
ORDER BY provider ASC, alias ASC, valid_from DESC;
