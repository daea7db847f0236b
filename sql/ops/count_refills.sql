-- Purpose: of each given slot, how many assets a chart refilled, how many it has nothing of, how many were not asked.
-- An asset that another provider closed the minute of lacks nothing and is not counted.
-- Parameters: provider, slots (timestamptz[]), assets (int[]).
-- Reads: raw.market_chart_points, market.minute_close, ops.history_requests. Writes: nothing.
WITH gaps AS (
    SELECT told.slot
    FROM unnest(%(slots)s::timestamptz[]) AS told (slot)
),

pairs AS (
    SELECT
        gaps.slot,
        given.asset_id
    FROM gaps
    CROSS JOIN unnest(%(assets)s::int[]) AS given (asset_id)
),

refilled AS (
    SELECT DISTINCT
        gaps.slot,
        points.asset_id
    FROM gaps
    INNER JOIN raw.market_chart_points AS points
        ON
            gaps.slot <= points.observed_at
            AND gaps.slot + interval '1 minute' > points.observed_at
            AND points.provider = %(provider)s
),

closed AS (
    SELECT
        gaps.slot,
        closes.asset_id
    FROM gaps
    INNER JOIN market.minute_close AS closes ON gaps.slot = closes.bucket
),

asked AS (
    SELECT
        gaps.slot,
        requests.asset_id,
        bool_and(requests.state = 'refused') AS is_refused,
        max(requests.reason) FILTER (WHERE requests.state = 'refused') AS reason
    FROM ops.history_requests AS requests
    INNER JOIN gaps ON requests.starts_at <= gaps.slot AND requests.ends_at > gaps.slot
    WHERE
        requests.provider = %(provider)s
        AND requests.state <> 'failed'
    GROUP BY gaps.slot, requests.asset_id
)

SELECT
    pairs.slot,
    count(*) FILTER (WHERE refilled.asset_id IS NOT NULL) AS refilled,
    count(*) FILTER (
        WHERE refilled.asset_id IS NULL AND closed.asset_id IS NULL AND asked.asset_id IS NOT NULL
    ) AS without_point,
    count(*) FILTER (WHERE refilled.asset_id IS NULL AND closed.asset_id IS NULL AND asked.is_refused) AS refused,
    count(*) FILTER (
        WHERE refilled.asset_id IS NULL AND closed.asset_id IS NULL AND asked.asset_id IS NULL
    ) AS not_asked,
    max(asked.reason) AS refusal
FROM pairs
LEFT JOIN refilled ON pairs.slot = refilled.slot AND pairs.asset_id = refilled.asset_id
LEFT JOIN closed ON pairs.slot = closed.slot AND pairs.asset_id = closed.asset_id
LEFT JOIN asked ON pairs.slot = asked.slot AND pairs.asset_id = asked.asset_id
GROUP BY pairs.slot
ORDER BY pairs.slot ASC;
