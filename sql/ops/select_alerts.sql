-- Purpose: alerts that are open or suspected, and those of the recent past, newest first.
-- Parameters: since_days.
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
    OR last_seen_at > now() - make_interval(days => %(since_days)s)
ORDER BY (state = 'open') DESC, last_seen_at DESC, subject ASC;
