-- Purpose: the period in which minutes of a symbol are expected: from its listing or first candle until it left.
-- Parameters: symbol_id (int).
-- Reads: candles.symbols, candles.coarse_candles, candles.minute_candles. Writes: nothing.
-- Returns: starts (NULL: nothing is known of it), ends (NULL: it goes on).
WITH days AS (
    SELECT
        min(open_time) AS first_day,
        max(open_time) AS last_day
    FROM candles.coarse_candles
    WHERE interval = '1d' AND symbol_id = %(symbol_id)s
)

SELECT
    least(symbols.listed_at, head.first_minute) AS starts,
    CASE
        WHEN symbols.delisted_at IS NOT NULL
            THEN greatest(symbols.delisted_at, tail.last_minute + INTERVAL '1 minute')
        -- Nobody follows a symbol that only files told of: nothing is expected after them.
        WHEN symbols.status = 'unknown'
            THEN tail.last_minute + INTERVAL '1 minute'
    END AS ends
FROM candles.symbols AS symbols
CROSS JOIN days
CROSS JOIN LATERAL (
    SELECT min(minutes.open_time) AS first_minute
    FROM candles.minute_candles AS minutes
    WHERE
        minutes.symbol_id = symbols.symbol_id
        AND minutes.open_time >= days.first_day
        AND minutes.open_time < days.first_day + INTERVAL '1440 minutes'
) AS head
CROSS JOIN LATERAL (
    SELECT max(minutes.open_time) AS last_minute
    FROM candles.minute_candles AS minutes
    WHERE
        minutes.symbol_id = symbols.symbol_id
        AND minutes.open_time >= days.last_day
        AND minutes.open_time < days.last_day + INTERVAL '1440 minutes'
) AS tail
WHERE symbols.symbol_id = %(symbol_id)s;
