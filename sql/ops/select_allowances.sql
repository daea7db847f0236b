-- Purpose: what each provider said of its key, and how the last asking ended.
-- Reads: ops.provider_allowances. Writes: nothing.
SELECT
    provider,
    account,
    calls_per_minute,
    units_per_period,
    units_per_day,
    used_units,
    resets_at,
    told_at,
    payload_sha256,
    attempted_at,
    error
FROM ops.provider_allowances;
