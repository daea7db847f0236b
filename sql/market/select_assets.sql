-- Purpose: every known asset, as identity planning wants it.
-- Reads: market.assets. Writes: nothing.
SELECT
    slug,
    jsonb_build_object(
        'symbol', symbol,
        'name', name,
        'kind', kind,
        'platform', platform,
        'contract_address', contract_address,
        'market_cap_rank', market_cap_rank,
        'description', description,
        'logo_url', logo_url,
        'website_url', website_url,
        'twitter_handle', twitter_handle,
        'reddit_url', reddit_url,
        'github_url', github_url,
        'whitepaper_url', whitepaper_url,
        'date_added', to_char(date_added AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
    ) AS field_values,
    provenance,
    is_active,
    first_seen_at,
    last_seen_at
FROM market.assets;
