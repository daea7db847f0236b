-- Purpose: keep alerts as they are now.
-- Parameters: rows (jsonb array with the columns of the table).
-- Writes: ops.alerts.
-- Idempotent: the same alerts again change nothing.
INSERT INTO ops.alerts AS known (
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
)
SELECT
    alert.subject,
    alert.since,
    alert.state,
    alert.severity,
    alert.seen,
    alert.well,
    alert.cause,
    alert.extent,
    alert.cure,
    alert.last_seen_at,
    alert.ended_at,
    alert.last_told_at,
    alert.told_to,
    alert.told_over_to
FROM jsonb_to_recordset(%(rows)s) AS alert (
    subject text,
    since timestamptz,
    state text,
    severity text,
    seen int,
    well int,
    cause text,
    extent text,
    cure text,
    last_seen_at timestamptz,
    ended_at timestamptz,
    last_told_at timestamptz,
    told_to text[],
    told_over_to text[]
)
ON CONFLICT (subject, since) DO UPDATE
    SET
        state = excluded.state,
        severity = excluded.severity,
        seen = excluded.seen,
        well = excluded.well,
        cause = excluded.cause,
        extent = excluded.extent,
        cure = excluded.cure,
        last_seen_at = excluded.last_seen_at,
        ended_at = excluded.ended_at,
        last_told_at = excluded.last_told_at,
        told_to = excluded.told_to,
        told_over_to = excluded.told_over_to;
