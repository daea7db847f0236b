-- Purpose: active assets without a key in force.
-- Reads: market.assets, market.asset_aliases. Writes: nothing.
SELECT assets.slug
FROM market.assets AS assets
WHERE
    assets.is_active
    AND NOT EXISTS (
        SELECT 1
        FROM market.asset_aliases AS aliases
        WHERE
            aliases.asset_id = assets.asset_id
            AND aliases.kind = 'key'
            AND aliases.valid_to IS NULL
    )
ORDER BY assets.slug;
