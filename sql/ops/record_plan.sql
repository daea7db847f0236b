-- Purpose: record a change of a provider's plan.
-- Parameters: the columns of ops.quota_plans but plan_id.
-- Writes: ops.quota_plans.
-- Idempotent: no; the caller compares with the newest record first, under a lock.
INSERT INTO ops.quota_plans (
    provider,
    planned_at,
    cause,
    tiers,
    silence,
    silent_until,
    rate_factor,
    units_per_period,
    used_units,
    reasons,
    changes
)
VALUES (
    %(provider)s,
    %(planned_at)s,
    %(cause)s,
    %(tiers)s,
    %(silence)s,
    %(silent_until)s,
    %(rate_factor)s,
    %(units_per_period)s,
    %(used_units)s,
    %(reasons)s,
    %(changes)s
);
