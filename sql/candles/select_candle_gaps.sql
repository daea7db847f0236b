-- Purpose: the minutes of a symbol without a final candle, as spans, each with what is known of it.
--   Days that are whole are passed over, then hours; only what is left is looked at minute by minute.
-- Parameters: symbol_id (int), starts, ends (timestamptz, whole minutes).
-- Reads: candles.coarse_candles, candles.minute_candles, candles.candle_slots. Writes: nothing.
WITH asked AS (
    SELECT
        %(symbol_id)s::INTEGER AS symbol_id,
        tstzrange(%(starts)s::TIMESTAMPTZ, %(ends)s::TIMESTAMPTZ) AS span
),

days AS (
    SELECT
        asked.symbol_id,
        day.starts,
        known.samples,
        known.is_final
    FROM asked
    CROSS JOIN LATERAL generate_series(
        date_bin('1440 minutes', lower(asked.span), TIMESTAMPTZ '2000-01-03 00:00:00+00'),
        upper(asked.span) - INTERVAL '1 minute',
        INTERVAL '1440 minutes'
    ) AS day (starts)
    -- An aggregate of at most one row: so each is looked up by itself, where a join would read what all symbols have.
    CROSS JOIN LATERAL (
        SELECT
            max(coarse.samples) AS samples,
            bool_and(coarse.is_final) AS is_final
        FROM candles.coarse_candles AS coarse
        WHERE coarse.interval = '1d' AND coarse.open_time = day.starts AND coarse.symbol_id = asked.symbol_id
    ) AS known
),

hours AS (
    SELECT
        hour.starts,
        known.samples,
        known.is_final
    FROM days
    CROSS JOIN LATERAL generate_series(
        days.starts, days.starts + INTERVAL '1380 minutes', INTERVAL '60 minutes'
    ) AS hour (starts)
    CROSS JOIN LATERAL (
        SELECT
            max(coarse.samples) AS samples,
            bool_and(coarse.is_final) AS is_final
        FROM candles.coarse_candles AS coarse
        WHERE coarse.interval = '1h' AND coarse.open_time = hour.starts AND coarse.symbol_id = days.symbol_id
    ) AS known
    WHERE days.samples < 1440 OR NOT days.is_final
),

holes AS (
    SELECT
        FALSE AS is_reckoned,
        tstzrange(starts, starts + INTERVAL '1440 minutes') AS hole
    FROM days
    WHERE samples IS NULL
    UNION ALL
    SELECT
        FALSE,
        tstzrange(starts, starts + INTERVAL '60 minutes')
    FROM hours
    WHERE samples IS NULL
    UNION ALL
    SELECT
        missing.is_reckoned,
        tstzrange(missing.starts, missing.starts + INTERVAL '1 minute')
    FROM hours
    CROSS JOIN LATERAL (
        SELECT
            minute.starts,
            known.open_time IS NOT NULL AS is_reckoned
        FROM generate_series(
            hours.starts, hours.starts + INTERVAL '59 minutes', INTERVAL '1 minute'
        ) AS minute (starts)
        LEFT JOIN candles.minute_candles AS known
            ON
                minute.starts = known.open_time
                AND known.symbol_id = %(symbol_id)s
                -- The bounds say the same; by them the partitions are chosen.
                AND hours.starts <= known.open_time
                AND hours.starts + INTERVAL '60 minutes' > known.open_time
        WHERE known.is_final IS NOT TRUE
    ) AS missing
    WHERE hours.samples < 60 OR NOT hours.is_final
),

gaps AS (
    SELECT
        holes.is_reckoned,
        range_agg(holes.hole) * tstzmultirange(asked.span) AS spans
    FROM holes
    CROSS JOIN asked
    GROUP BY holes.is_reckoned, asked.span
),

told AS (
    SELECT slots.*
    FROM asked
    INNER JOIN candles.candle_slots AS slots
        ON asked.symbol_id = slots.symbol_id AND asked.span && slots.span
),

stated AS (
    SELECT
        unnest(gaps.spans * tstzmultirange(told.span)) AS span,
        told.state,
        told.reason,
        told.times_asked,
        told.told_at
    FROM gaps
    CROSS JOIN told
    WHERE NOT gaps.is_reckoned
    UNION ALL
    SELECT
        unnest(gaps.spans - coalesce((SELECT range_agg(told.span) FROM told), '{}')),
        'pending',
        NULL,
        0,
        NULL
    FROM gaps
    WHERE NOT gaps.is_reckoned
    UNION ALL
    SELECT
        unnest(gaps.spans),
        'pending',
        'reckoned from trades, not confirmed by the exchange',
        0,
        NULL
    FROM gaps
    WHERE gaps.is_reckoned
)

SELECT
    lower(span) AS starts,
    upper(span) AS ends,
    state,
    reason,
    times_asked,
    told_at
FROM stated
ORDER BY starts;
