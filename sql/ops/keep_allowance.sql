-- Purpose: keep what a provider said of its key.
-- Parameters: the columns of ops.provider_allowances but attempted_at and error.
-- Writes: ops.provider_allowances.
-- Idempotent: the provider is the key; an older answer does not replace a newer one of the same account.
INSERT INTO ops.provider_allowances AS known (
    provider,
    account,
    calls_per_minute,
    units_per_period,
    units_per_day,
    used_units,
    resets_at,
    told_at,
    payload_sha256,
    attempted_at
)
VALUES (
    %(provider)s,
    %(account)s,
    %(calls_per_minute)s,
    %(units_per_period)s,
    %(units_per_day)s,
    %(used_units)s,
    %(resets_at)s,
    %(told_at)s,
    %(payload_sha256)s,
    %(told_at)s
)
ON CONFLICT (provider) DO UPDATE
    SET
        account = excluded.account,
        calls_per_minute = excluded.calls_per_minute,
        units_per_period = excluded.units_per_period,
        units_per_day = excluded.units_per_day,
        used_units = excluded.used_units,
        resets_at = excluded.resets_at,
        told_at = excluded.told_at,
        payload_sha256 = excluded.payload_sha256,
        attempted_at = excluded.attempted_at,
        error = NULL
    WHERE
        known.account <> excluded.account
        OR known.told_at IS NULL
        OR known.told_at <= excluded.told_at;
