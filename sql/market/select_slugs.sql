-- Purpose: the slugs of all assets.
-- Reads: market.assets. Writes: nothing.
SELECT
    slug,
    asset_id
FROM market.assets
ORDER BY slug;
