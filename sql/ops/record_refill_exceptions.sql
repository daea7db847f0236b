-- Purpose: say of the assets that a refill found nothing of that they differ from their slot, which was refilled.
-- Parameters: dataset, provider, slots (timestamptz[]), assets (int[]), reason.
-- Reads: market.minute_close, ops.history_requests. Writes: ops.slot_exceptions.
-- Idempotent: the asset in the slot is the key.
WITH gaps AS (
    SELECT told.slot
    FROM unnest(%(slots)s::timestamptz[]) AS told (slot)
),

lacking AS (
    SELECT DISTINCT ON (gaps.slot, requests.asset_id)
        gaps.slot,
        requests.asset_id,
        CASE WHEN requests.state = 'refused' THEN requests.reason ELSE %(reason)s END AS reason
    FROM gaps
    INNER JOIN ops.history_requests AS requests
        ON
            gaps.slot >= requests.starts_at
            AND gaps.slot < requests.ends_at
            AND requests.provider = %(provider)s
            AND requests.state <> 'failed'
    LEFT JOIN market.minute_close AS closes
        ON
            gaps.slot = closes.bucket
            AND requests.asset_id = closes.asset_id
    WHERE
        requests.asset_id = any(%(assets)s::int[])
        AND closes.asset_id IS NULL
    -- A refusal is the reason only where nothing was answered beside it.
    ORDER BY gaps.slot ASC, requests.asset_id ASC, (requests.state = 'refused') ASC
)

INSERT INTO ops.slot_exceptions AS known (dataset, provider, slot, asset_id, state, reason)
SELECT
    %(dataset)s,
    %(provider)s,
    lacking.slot,
    lacking.asset_id,
    'source_has_none',
    lacking.reason
FROM lacking
ON CONFLICT (dataset, provider, slot, asset_id) DO UPDATE
    SET
        state = excluded.state,
        reason = excluded.reason;
