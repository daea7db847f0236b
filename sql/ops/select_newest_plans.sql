-- Purpose: the plan of each provider that was recorded last.
-- Parameters: providers (text[]).
-- Reads: ops.quota_plans. Writes: nothing.
SELECT DISTINCT ON (provider)
    provider,
    tiers,
    silence,
    silent_until,
    rate_factor,
    units_per_period,
    used_units
FROM ops.quota_plans
WHERE provider = any(%(providers)s::text[])
ORDER BY provider ASC, planned_at DESC, plan_id DESC;
