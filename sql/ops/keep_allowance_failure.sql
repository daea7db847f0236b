-- Purpose: keep that a provider did not tell what its key allows.
-- Parameters: provider, account, attempted_at, error.
-- Writes: ops.provider_allowances.
-- Idempotent: the provider is the key; what the same account told before stays, what another told is forgotten.
INSERT INTO ops.provider_allowances AS known (provider, account, attempted_at, error)
VALUES (%(provider)s, %(account)s, %(attempted_at)s, %(error)s)
ON CONFLICT (provider) DO UPDATE
    SET
        account = excluded.account,
        attempted_at = excluded.attempted_at,
        error = excluded.error,
        calls_per_minute = CASE WHEN known.account = excluded.account THEN known.calls_per_minute END,
        units_per_period = CASE WHEN known.account = excluded.account THEN known.units_per_period END,
        units_per_day = CASE WHEN known.account = excluded.account THEN known.units_per_day END,
        used_units = CASE WHEN known.account = excluded.account THEN known.used_units END,
        resets_at = CASE WHEN known.account = excluded.account THEN known.resets_at END,
        told_at = CASE WHEN known.account = excluded.account THEN known.told_at END,
        payload_sha256 = CASE WHEN known.account = excluded.account THEN known.payload_sha256 END;
