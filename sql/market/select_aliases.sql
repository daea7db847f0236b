-- Purpose: every alias in force, and every key ever used.
-- Reads: market.asset_aliases, market.assets. Writes: nothing.
SELECT
    assets.slug,
    aliases.provider,
    aliases.kind,
    aliases.alias,
    aliases.valid_from,
    aliases.valid_to,
    aliases.evidence
FROM market.asset_aliases AS aliases
INNER JOIN market.assets AS assets ON aliases.asset_id = assets.asset_id
WHERE
    aliases.valid_to IS NULL
    OR aliases.kind = 'key';
