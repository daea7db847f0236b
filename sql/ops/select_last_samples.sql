-- Purpose: the newest stored sample of each provider and asset.
-- Reads: ops.last_samples. Writes: nothing.
SELECT
    provider,
    asset_id,
    observed_at,
    fetched_at,
    price_usd,
    volume_24h_usd,
    market_cap_usd,
    market_cap_rank,
    payload_sha256,
    missing,
    unchanged_times
FROM ops.last_samples;
