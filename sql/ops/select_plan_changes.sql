-- Purpose: the newest changes of collection plans.
-- Parameters: most.
-- Reads: ops.quota_plans. Writes: nothing.
SELECT
    provider,
    planned_at,
    cause,
    changes
FROM ops.quota_plans
ORDER BY planned_at DESC, plan_id DESC
LIMIT %(most)s;
