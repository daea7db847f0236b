-- Purpose: raise the day's peak to the calls of the minute in which a call began.
-- Parameters: provider, started_at.
-- Reads: raw.fetches. Writes: ops.api_usage_stats.
-- Idempotent: the minute is counted anew from the calls themselves, so the order in which they end does not matter.
UPDATE ops.api_usage_stats AS usage
SET peak_calls_per_minute = minute.calls
FROM (
    SELECT count(*) AS calls
    FROM raw.fetches
    WHERE
        provider = %(provider)s
        AND started_at >= date_bin('1 minute', %(started_at)s::timestamptz, 'epoch')
        AND started_at < date_bin('1 minute', %(started_at)s::timestamptz, 'epoch') + interval '1 minute'
) AS minute
WHERE
    usage.provider = %(provider)s
    AND usage.date = (%(started_at)s::timestamptz AT TIME ZONE 'UTC')::date
    AND usage.peak_calls_per_minute < minute.calls;
