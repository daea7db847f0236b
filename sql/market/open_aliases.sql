-- Purpose: begin the validity of aliases that came into force.
-- Parameters: rows (jsonb array of slug, provider, kind, alias, valid_from, evidence).
-- Writes: market.asset_aliases.
-- Idempotent: the exclusion constraints refuse a second one for the same period.
INSERT INTO market.asset_aliases (asset_id, provider, kind, alias, valid_from, evidence)
SELECT
    assets.asset_id,
    fresh.provider,
    fresh.kind,
    fresh.alias,
    fresh.valid_from,
    fresh.evidence
FROM
    jsonb_to_recordset(%(rows)s) AS fresh (
        slug text,
        provider text,
        kind text,
        alias text,
        valid_from timestamptz,
        evidence text
    )
INNER JOIN market.assets AS assets ON fresh.slug = assets.slug;
