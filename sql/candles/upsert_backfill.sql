-- Purpose: say how a file or span of history stands.
-- Parameters: the columns of candles.candle_backfills but attempts and the times that it keeps itself.
-- Writes: candles.candle_backfills.
-- Idempotent: yes, but for its times and the count of attempts, which goes up with each 'running'.
INSERT INTO candles.candle_backfills AS known (
    symbol_id, interval, part, kind, starts, ends, state, rows_received, rows_stored, rows_refused, payload_sha256,
    attempts, error, started_at, finished_at, run_id
)
VALUES (
    %(symbol_id)s, %(interval)s, %(part)s, %(kind)s, %(starts)s, %(ends)s, %(state)s, %(rows_received)s,
    %(rows_stored)s, %(rows_refused)s, %(payload_sha256)s,
    CASE WHEN %(state)s = 'pending' THEN 0 ELSE 1 END, %(error)s,
    CASE WHEN %(state)s <> 'pending' THEN clock_timestamp() END,
    CASE WHEN %(state)s IN ('done', 'absent', 'failed') THEN clock_timestamp() END,
    %(run_id)s
)
ON CONFLICT (symbol_id, interval, part) DO UPDATE
    SET
        kind = excluded.kind,
        starts = coalesce(excluded.starts, known.starts),
        ends = coalesce(excluded.ends, known.ends),
        state = excluded.state,
        rows_received = excluded.rows_received,
        rows_stored = excluded.rows_stored,
        rows_refused = excluded.rows_refused,
        payload_sha256 = coalesce(excluded.payload_sha256, known.payload_sha256),
        attempts = known.attempts + CASE WHEN excluded.state = 'running' THEN 1 ELSE 0 END,
        error = excluded.error,
        started_at = CASE WHEN excluded.state = 'running' THEN clock_timestamp() ELSE known.started_at END,
        finished_at = excluded.finished_at,
        run_id = excluded.run_id,
        updated_at = clock_timestamp();
