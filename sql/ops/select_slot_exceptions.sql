-- Purpose: the assets that differ from their slots in a stretch of time, each with its state and reason.
-- Parameters: dataset, starts, ends.
-- Reads: ops.slot_exceptions, market.assets. Writes: nothing.
SELECT
    exceptions.provider,
    exceptions.slot,
    assets.slug,
    exceptions.state,
    exceptions.reason
FROM ops.slot_exceptions AS exceptions
INNER JOIN market.assets AS assets ON exceptions.asset_id = assets.asset_id
WHERE
    exceptions.dataset = %(dataset)s
    AND exceptions.slot >= %(starts)s
    AND exceptions.slot < %(ends)s
ORDER BY exceptions.provider, assets.slug, exceptions.slot;
