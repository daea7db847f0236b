-- Purpose: say why minutes of a symbol have no candle. Who knows less never overrules who knows more.
-- Parameters: symbol_id (int), starts, ends (timestamptz[]), state (text), reason (text), asked (int: 0 or 1).
-- `asked` is 1 when the source was asked for it just now. Spans that stand are cut where the new ones lie.
-- Reads: candles.candle_slots. Writes: candles.candle_slots.
-- Idempotent: yes, but for times_asked.
WITH ranks (state, rank) AS (
    VALUES
    ('pending', 0), ('throttled', 1), ('feed_down', 1), ('source_has_none', 2), ('confirmed_empty', 2), ('not_due', 2)
),

given AS (
    SELECT range_agg(tstzrange(spans.starts, spans.ends)) AS spans
    FROM unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) AS spans (starts, ends)
),

firmer AS (
    SELECT coalesce(range_agg(slots.span), '{}') AS spans
    FROM candles.candle_slots AS slots
    INNER JOIN ranks AS theirs ON slots.state = theirs.state
    INNER JOIN ranks AS ours ON ours.state = %(state)s
    CROSS JOIN given
    WHERE slots.symbol_id = %(symbol_id)s AND slots.span && given.spans AND theirs.rank > ours.rank
),

fresh AS (SELECT given.spans - firmer.spans AS spans FROM given CROSS JOIN firmer),

cut AS (
    DELETE FROM candles.candle_slots AS slots
    USING fresh
    WHERE slots.symbol_id = %(symbol_id)s AND slots.span && fresh.spans
    RETURNING slots.span, slots.state, slots.reason, slots.times_asked, slots.told_at
),

pieces AS (
    SELECT
        unnest(tstzmultirange(cut.span) - fresh.spans) AS span,
        cut.state,
        cut.reason,
        cut.times_asked,
        cut.told_at
    FROM cut
    CROSS JOIN fresh
    UNION ALL
    SELECT
        unnest(tstzmultirange(cut.span) * fresh.spans),
        %(state)s,
        %(reason)s,
        cut.times_asked + %(asked)s::integer,
        clock_timestamp()
    FROM cut
    CROSS JOIN fresh
    UNION ALL
    SELECT
        unnest(fresh.spans - coalesce((SELECT range_agg(cut.span) FROM cut), '{}')),
        %(state)s,
        %(reason)s,
        %(asked)s::integer,
        clock_timestamp()
    FROM fresh
)

INSERT INTO candles.candle_slots (symbol_id, starts, ends, state, reason, times_asked, told_at)
SELECT
    %(symbol_id)s::integer,
    lower(span),
    upper(span),
    state,
    reason,
    times_asked,
    told_at
FROM pieces
-- Sorting takes every piece before the first is written: what is cut has gone by then.
ORDER BY lower(span);
