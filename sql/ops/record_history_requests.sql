-- Purpose: what was asked of a provider's charts, and what came of it.
-- Parameters: rows (jsonb, the columns of ops.history_requests).
-- Reads: ops.history_requests. Writes: ops.history_requests.
-- Idempotent: provider, asset and span are the key; what was answered is not told to have failed.
WITH told AS (
    SELECT given.*
    FROM jsonb_to_recordset(%(rows)s) AS given (
        provider text,
        asset_id int,
        starts_at timestamptz,
        ends_at timestamptz,
        first_days smallint,
        state text,
        reason text,
        points int,
        attempts smallint,
        asked_at timestamptz,
        run_id text
    )
),

superseded AS (
    -- An attempt at the same thing before this one: its span may have been another, since time goes on.
    DELETE FROM ops.history_requests AS earlier
    USING told
    WHERE
        earlier.state = 'failed'
        AND earlier.provider = told.provider
        AND earlier.asset_id = told.asset_id
        AND earlier.first_days IS NOT DISTINCT FROM told.first_days
        AND (earlier.starts_at, earlier.ends_at) <> (told.starts_at, told.ends_at)
)

INSERT INTO ops.history_requests AS known (
    provider,
    asset_id,
    starts_at,
    ends_at,
    first_days,
    state,
    reason,
    points,
    attempts,
    asked_at,
    run_id
)
SELECT
    provider,
    asset_id,
    starts_at,
    ends_at,
    first_days,
    state,
    reason,
    points,
    attempts,
    asked_at,
    run_id
FROM told
ON CONFLICT (provider, asset_id, starts_at, ends_at) DO UPDATE
    SET
        first_days = coalesce(excluded.first_days, known.first_days),
        state = excluded.state,
        reason = excluded.reason,
        points = excluded.points,
        attempts = excluded.attempts,
        asked_at = excluded.asked_at,
        run_id = excluded.run_id
    WHERE
        known.state = 'failed'
        OR excluded.state <> 'failed';
