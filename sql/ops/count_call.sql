-- Purpose: add one call to the day's usage of its provider.
-- Parameters: provider, started_at, outcome, credits, elapsed_ms.
-- Writes: ops.api_usage_stats.
-- Idempotent: no; it runs in the transaction that also keeps the call in raw.fetches.
INSERT INTO ops.api_usage_stats AS usage (
    provider,
    date,
    total_calls,
    successful_calls,
    failed_calls,
    rate_limited_calls,
    credits_used,
    total_response_ms,
    peak_calls_per_minute,
    current_minute,
    calls_in_minute
)
VALUES (
    %(provider)s,
    (%(started_at)s::timestamptz AT TIME ZONE 'UTC')::date,
    1,
    (%(outcome)s = 'ok')::int,
    (%(outcome)s = 'failed')::int,
    (%(outcome)s = 'limited')::int,
    %(credits)s,
    %(elapsed_ms)s,
    1,
    date_bin('1 minute', %(started_at)s::timestamptz, 'epoch'),
    1
)
ON CONFLICT (provider, date) DO UPDATE
    SET
        total_calls = usage.total_calls + 1,
        successful_calls = usage.successful_calls + excluded.successful_calls,
        failed_calls = usage.failed_calls + excluded.failed_calls,
        rate_limited_calls = usage.rate_limited_calls + excluded.rate_limited_calls,
        credits_used = usage.credits_used + excluded.credits_used,
        total_response_ms = usage.total_response_ms + excluded.total_response_ms,
        peak_calls_per_minute = greatest(
            usage.peak_calls_per_minute,
            CASE
                WHEN usage.current_minute = excluded.current_minute THEN usage.calls_in_minute + 1
                ELSE 1
            END
        ),
        calls_in_minute = CASE
            WHEN usage.current_minute = excluded.current_minute THEN usage.calls_in_minute + 1
            WHEN usage.current_minute > excluded.current_minute THEN usage.calls_in_minute
            ELSE 1
        END,
        current_minute = greatest(usage.current_minute, excluded.current_minute),
        updated_at = now();
