-- Purpose: what the trades so far make of the minutes into which new ones fall.
-- Parameters: rows (jsonb: symbol_id, from_id, until_id, since), starts (timestamptz: minute of the first since).
-- Reads: candles.price_ticks. Writes: nothing.
-- Of each symbol only trades before until_id count: from there on some may be missing.
WITH advanced AS (
    SELECT
        given.symbol_id,
        given.from_id,
        given.until_id,
        given.since
    FROM jsonb_to_recordset(%(rows)s::jsonb) AS given (
        symbol_id integer, from_id bigint, until_id bigint, since timestamptz
    )
),

minutes AS (
    SELECT DISTINCT
        advanced.symbol_id,
        advanced.until_id,
        date_trunc('minute', ticks.traded_at, 'UTC') AS open_time
    FROM advanced
    INNER JOIN candles.price_ticks AS ticks ON advanced.symbol_id = ticks.symbol_id
    WHERE
        ticks.traded_at >= %(starts)s
        AND ticks.traded_at >= advanced.since
        AND ticks.trade_id >= advanced.from_id
        AND ticks.trade_id < advanced.until_id
)

SELECT
    minutes.symbol_id,
    minutes.open_time,
    max(ticks.traded_at) AS last_traded_at,
    (array_agg(ticks.price ORDER BY ticks.trade_id ASC))[1] AS open,
    max(ticks.price) AS high,
    min(ticks.price) AS low,
    (array_agg(ticks.price ORDER BY ticks.trade_id DESC))[1] AS close,
    sum(ticks.quantity) AS volume,
    sum(ticks.price * ticks.quantity) AS quote_volume,
    sum(ticks.fills) AS trade_count,
    coalesce(sum(ticks.quantity) FILTER (WHERE NOT ticks.is_buyer_maker), 0) AS taker_base_volume,
    coalesce(sum(ticks.price * ticks.quantity) FILTER (WHERE NOT ticks.is_buyer_maker), 0) AS taker_quote_volume
FROM minutes
INNER JOIN candles.price_ticks AS ticks ON minutes.symbol_id = ticks.symbol_id
WHERE
    ticks.traded_at >= %(starts)s
    AND ticks.traded_at >= minutes.open_time
    AND ticks.traded_at < minutes.open_time + interval '1 minute'
    AND ticks.trade_id < minutes.until_id
GROUP BY minutes.symbol_id, minutes.open_time
ORDER BY minutes.symbol_id, minutes.open_time;
