-- Purpose: add assets that were never seen before.
-- Parameters: rows (jsonb array with the columns of market.assets).
-- Writes: market.assets.
-- Idempotent: a slug that is there already is left as it is.
INSERT INTO market.assets (
    slug,
    symbol,
    name,
    kind,
    platform,
    contract_address,
    market_cap_rank,
    description,
    logo_url,
    website_url,
    twitter_handle,
    reddit_url,
    github_url,
    whitepaper_url,
    date_added,
    is_active,
    provenance,
    first_seen_at,
    last_seen_at
)
SELECT
    fresh.slug,
    fresh.symbol,
    fresh.name,
    fresh.kind,
    fresh.platform,
    fresh.contract_address,
    fresh.market_cap_rank,
    fresh.description,
    fresh.logo_url,
    fresh.website_url,
    fresh.twitter_handle,
    fresh.reddit_url,
    fresh.github_url,
    fresh.whitepaper_url,
    fresh.date_added,
    fresh.is_active,
    fresh.provenance,
    fresh.first_seen_at,
    fresh.last_seen_at
FROM jsonb_populate_recordset(NULL::market.assets, %(rows)s) AS fresh
ON CONFLICT (slug) DO NOTHING;
