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
    total_response_ms
)
VALUES (
    %(provider)s,
    (%(started_at)s::timestamptz AT TIME ZONE 'UTC')::date,
    1,
    (%(outcome)s = 'ok')::int,
    (%(outcome)s = 'failed')::int,
    (%(outcome)s = 'limited')::int,
    %(credits)s,
    %(elapsed_ms)s
)
ON CONFLICT (provider, date) DO UPDATE
    SET
        total_calls = usage.total_calls + 1,
        successful_calls = usage.successful_calls + excluded.successful_calls,
        failed_calls = usage.failed_calls + excluded.failed_calls,
        rate_limited_calls = usage.rate_limited_calls + excluded.rate_limited_calls,
        credits_used = usage.credits_used + excluded.credits_used,
        total_response_ms = usage.total_response_ms + excluded.total_response_ms,
        updated_at = now();
