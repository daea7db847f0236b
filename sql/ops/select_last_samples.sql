-- Purpose: the newest stored sample of each provider and asset.
-- Reads: ops.last_samples. Writes: nothing.
SELECT
    provider,
    asset_id,
    observed_at,
    price_usd,
    volume_24h_usd
FROM ops.last_samples;
