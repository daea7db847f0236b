-- Purpose: bring known assets to what the providers say now.
-- Parameters: rows (jsonb array with the columns of market.assets).
-- Writes: market.assets.
-- Idempotent: the rows are whole, so a second run writes the same.
UPDATE market.assets AS known
SET
    symbol = news.symbol,
    name = news.name,
    kind = news.kind,
    platform = news.platform,
    contract_address = news.contract_address,
    market_cap_rank = news.market_cap_rank,
    description = news.description,
    logo_url = news.logo_url,
    website_url = news.website_url,
    twitter_handle = news.twitter_handle,
    reddit_url = news.reddit_url,
    github_url = news.github_url,
    whitepaper_url = news.whitepaper_url,
    date_added = news.date_added,
    is_active = news.is_active,
    provenance = news.provenance,
    first_seen_at = news.first_seen_at,
    last_seen_at = news.last_seen_at,
    updated_at = now()
FROM jsonb_populate_recordset(NULL::market.assets, %(rows)s) AS news
WHERE known.slug = news.slug;
