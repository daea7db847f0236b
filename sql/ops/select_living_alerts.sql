-- Purpose: alerts that are not settled: suspected, open, or over and not yet told to everyone who was told of them.
-- Reads: ops.alerts. Writes: nothing.
SELECT
    subject,
    since,
    state,
    severity,
    seen,
    well,
    cause,
    extent,
    cure,
    last_seen_at,
    ended_at,
    last_told_at,
    told_to,
    told_over_to
FROM ops.alerts
WHERE
    state IN ('suspected', 'open')
    OR (state = 'healed' AND NOT told_over_to @> told_to AND ended_at > now() - INTERVAL '1 day')
ORDER BY since ASC, subject ASC;
