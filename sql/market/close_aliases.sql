-- Purpose: end the validity of aliases that are no longer in force.
-- Parameters: rows (jsonb array of slug, provider, kind, alias, valid_to).
-- Writes: market.asset_aliases.
-- Idempotent: only an alias in force is ended.
UPDATE market.asset_aliases AS known
SET valid_to = gone.valid_to
FROM
    jsonb_to_recordset(%(rows)s) AS gone (slug text, provider text, kind text, alias text, valid_to timestamptz),
    market.assets
WHERE
    assets.slug = gone.slug
    AND known.asset_id = assets.asset_id
    AND known.provider = gone.provider
    AND known.kind = gone.kind
    AND known.alias = gone.alias
    AND known.valid_to IS NULL;
