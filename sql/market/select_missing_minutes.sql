-- Purpose: of given slots and assets, the minutes that no close has and that were not asked of the provider's charts.
-- Parameters: provider, slots (timestamptz[]), assets (int[]), fine_from (slots from here on have fine charts).
-- Reads: market.minute_close, ops.history_requests. Writes: nothing.
WITH gaps AS (
    SELECT told.slot
    FROM unnest(%(slots)s::timestamptz[]) AS told (slot)
),

universe AS (
    SELECT given.asset_id
    FROM unnest(%(assets)s::int[]) AS given (asset_id)
),

closed AS (
    SELECT
        gaps.slot,
        closes.asset_id
    FROM gaps
    INNER JOIN market.minute_close AS closes ON gaps.slot = closes.bucket
),

covered AS (
    SELECT
        gaps.slot,
        requests.asset_id
    FROM ops.history_requests AS requests
    INNER JOIN gaps ON requests.starts_at <= gaps.slot AND requests.ends_at > gaps.slot
    WHERE
        requests.provider = %(provider)s
        AND requests.state <> 'failed'
),

missing AS (
    SELECT
        universe.asset_id,
        gaps.slot
    FROM universe
    CROSS JOIN gaps
    EXCEPT
    SELECT
        asset_id,
        slot
    FROM closed
    EXCEPT
    SELECT
        asset_id,
        slot
    FROM covered
)

SELECT
    asset_id,
    slot >= %(fine_from)s AS is_fine,
    min(slot) AS first_slot,
    max(slot) AS last_slot
FROM missing
GROUP BY asset_id, is_fine
ORDER BY asset_id ASC, is_fine ASC;
