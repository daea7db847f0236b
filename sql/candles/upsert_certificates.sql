-- Purpose: keep the certificates of days of a symbol.
-- Parameters: the columns of candles.candle_certificates: symbol_id and run_id once, of the others a list each.
-- Writes: candles.candle_certificates.
-- Idempotent: yes; a day that says the same keeps its certificate, else the newer one stands.
INSERT INTO candles.candle_certificates AS known (
    symbol_id, day, expected_minutes, observed_minutes, traded_minutes, confirmed_empty_minutes,
    source_has_none_minutes, unknown_minutes, rows_sha256, issued_at, run_id
)
SELECT
    %(symbol_id)s,
    issued.day,
    issued.expected_minutes,
    issued.observed_minutes,
    issued.traded_minutes,
    issued.confirmed_empty_minutes,
    issued.source_has_none_minutes,
    issued.unknown_minutes,
    issued.rows_sha256,
    issued.issued_at,
    %(run_id)s
FROM unnest(
    %(day)s::TIMESTAMPTZ[], %(expected_minutes)s::INTEGER[], %(observed_minutes)s::INTEGER[],
    %(traded_minutes)s::INTEGER[], %(confirmed_empty_minutes)s::INTEGER[], %(source_has_none_minutes)s::INTEGER[],
    %(unknown_minutes)s::INTEGER[], %(rows_sha256)s::BYTEA[], %(issued_at)s::TIMESTAMPTZ[]
) AS issued (
    day, expected_minutes, observed_minutes, traded_minutes, confirmed_empty_minutes, source_has_none_minutes,
    unknown_minutes, rows_sha256, issued_at
)
ON CONFLICT (symbol_id, day) DO UPDATE
    SET
        expected_minutes = excluded.expected_minutes,
        observed_minutes = excluded.observed_minutes,
        traded_minutes = excluded.traded_minutes,
        confirmed_empty_minutes = excluded.confirmed_empty_minutes,
        source_has_none_minutes = excluded.source_has_none_minutes,
        unknown_minutes = excluded.unknown_minutes,
        rows_sha256 = excluded.rows_sha256,
        issued_at = excluded.issued_at,
        run_id = excluded.run_id
    WHERE
        (
            known.expected_minutes, known.observed_minutes, known.confirmed_empty_minutes,
            known.source_has_none_minutes, known.rows_sha256
        ) IS DISTINCT FROM (
            excluded.expected_minutes, excluded.observed_minutes, excluded.confirmed_empty_minutes,
            excluded.source_has_none_minutes, excluded.rows_sha256
        );
