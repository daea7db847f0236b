-- Purpose: the final minutes of a symbol in a period, and the hash over them by which they are certified.
-- Parameters: symbol_id (int), starts, ends (timestamptz).
-- Reads: candles.minute_candles. Writes: nothing.
-- The text that is hashed is that of refine.candle_proof: the two must be changed together.
SELECT
    count(*)::integer AS observed,
    (count(*) FILTER (WHERE volume > 0))::integer AS traded,
    sha256(
        convert_to(
            coalesce(
                string_agg(
                    concat(
                        extract(EPOCH FROM open_time)::bigint, ',',
                        trim_scale(open), ',', trim_scale(high), ',', trim_scale(low), ',', trim_scale(close), ',',
                        trim_scale(volume), ',', trim_scale(quote_volume), ',', trade_count, ',',
                        trim_scale(taker_base_volume), ',', trim_scale(taker_quote_volume), E'\n'
                    ),
                    ''
                    ORDER BY open_time
                ),
                ''
            ),
            'UTF8'
        )
    ) AS rows_sha256
FROM candles.minute_candles
WHERE symbol_id = %(symbol_id)s AND open_time >= %(starts)s AND open_time < %(ends)s AND is_final;
