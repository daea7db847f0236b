-- Purpose: keep the certificate of a symbol's day.
-- Parameters: the columns of candles.candle_certificates.
-- Writes: candles.candle_certificates.
-- Idempotent: yes; a day that says the same keeps its certificate, else the newer one stands.
INSERT INTO candles.candle_certificates AS known (
    symbol_id, day, expected_minutes, observed_minutes, traded_minutes, confirmed_empty_minutes,
    source_has_none_minutes, unknown_minutes, rows_sha256, issued_at, run_id
)
VALUES (
    %(symbol_id)s, %(day)s, %(expected_minutes)s, %(observed_minutes)s, %(traded_minutes)s,
    %(confirmed_empty_minutes)s, %(source_has_none_minutes)s, %(unknown_minutes)s, %(rows_sha256)s, %(issued_at)s,
    %(run_id)s
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
