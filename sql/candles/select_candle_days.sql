-- Purpose: the final minutes of a symbol on some days, and the hash over them by which each day is certified.
-- Parameters: symbol_id (int), days (timestamptz[], their starts), starts, ends (around them, for the partitions).
-- Reads: candles.minute_candles. Writes: nothing.
-- The text that is hashed is that of refine.candle_proof: the two must be changed together.
WITH asked AS (
    SELECT unnest(%(days)s::TIMESTAMPTZ[]) AS day
)

SELECT
    asked.day,
    told.observed,
    told.traded,
    told.rows_sha256
FROM asked
CROSS JOIN LATERAL (
    SELECT
        count(*)::INTEGER AS observed,
        (count(*) FILTER (WHERE minutes.volume > 0))::INTEGER AS traded,
        sha256(
            convert_to(
                coalesce(
                    string_agg(
                        concat(
                            extract(EPOCH FROM minutes.open_time)::BIGINT, ',',
                            trim_scale(minutes.open), ',', trim_scale(minutes.high), ',',
                            trim_scale(minutes.low), ',', trim_scale(minutes.close), ',',
                            trim_scale(minutes.volume), ',', trim_scale(minutes.quote_volume), ',',
                            minutes.trade_count, ',',
                            trim_scale(minutes.taker_base_volume), ',', trim_scale(minutes.taker_quote_volume), E'\n'
                        ),
                        ''
                        ORDER BY minutes.open_time
                    ),
                    ''
                ),
                'UTF8'
            )
        ) AS rows_sha256
    FROM candles.minute_candles AS minutes
    WHERE
        minutes.symbol_id = %(symbol_id)s
        AND minutes.open_time >= asked.day
        AND minutes.open_time < asked.day + INTERVAL '1440 minutes'
        AND minutes.open_time >= %(starts)s
        AND minutes.open_time < %(ends)s
        AND minutes.is_final
) AS told
ORDER BY asked.day;
