-- Purpose: every slot of a dataset in a stretch of time that was not observed, with its state and reason.
--   Days of which every slot was told are only counted, in the index, and then hours; of the others each minute is
--   looked up.
-- Parameters: dataset, starts, ends, planned (whether slots in which nothing was due are told too).
-- Reads: ops.slots. Writes: nothing.
WITH RECURSIVE providers AS (
    -- One look into the index for each provider, instead of one for each slot.
    SELECT min(provider) AS provider
    FROM ops.slots
    WHERE dataset = %(dataset)s
    UNION ALL
    SELECT following.provider
    FROM providers
    CROSS JOIN LATERAL (
        SELECT min(slots.provider) AS provider
        FROM ops.slots
        WHERE
            slots.dataset = %(dataset)s
            AND slots.provider > providers.provider
    ) AS following
    WHERE providers.provider IS NOT NULL
),

spans AS (
    SELECT
        providers.provider,
        greatest(firsts.slot, %(starts)s::timestamptz) AS first_slot
    FROM providers
    CROSS JOIN LATERAL (
        SELECT min(slots.slot) AS slot
        FROM ops.slots
        WHERE
            slots.dataset = %(dataset)s
            AND slots.provider = providers.provider
    ) AS firsts
    WHERE providers.provider IS NOT NULL
),

-- Of each provider the days, and of days that lack something the hours, cut at its first slot and at the end.
short_days AS MATERIALIZED (
    SELECT days.*
    FROM (
        SELECT
            spans.provider,
            greatest(expected.day, spans.first_slot) AS starts,
            least(expected.day + interval '1 day', %(ends)s::timestamptz) AS ends
        FROM spans
        CROSS JOIN LATERAL generate_series(
            date_bin('1 day', spans.first_slot, 'epoch'), %(ends)s::timestamptz - interval '1 minute', interval '1 day'
        ) AS expected (day)
    ) AS days
    CROSS JOIN LATERAL (
        SELECT count(*) AS told
        FROM ops.slots
        WHERE
            slots.dataset = %(dataset)s
            AND slots.provider = days.provider
            AND slots.slot >= days.starts
            AND slots.slot < days.ends
    ) AS counted
    WHERE counted.told < extract(EPOCH FROM days.ends - days.starts) / 60
),

short AS MATERIALIZED (
    SELECT hours.*
    FROM (
        SELECT
            short_days.provider,
            greatest(expected.hour, short_days.starts) AS starts,
            least(expected.hour + interval '1 hour', short_days.ends) AS ends
        FROM short_days
        CROSS JOIN LATERAL generate_series(
            date_bin('1 hour', short_days.starts, 'epoch'), short_days.ends - interval '1 minute', interval '1 hour'
        ) AS expected (hour)
    ) AS hours
    CROSS JOIN LATERAL (
        SELECT count(*) AS told
        FROM ops.slots
        WHERE
            slots.dataset = %(dataset)s
            AND slots.provider = hours.provider
            AND slots.slot >= hours.starts
            AND slots.slot < hours.ends
    ) AS counted
    WHERE counted.told < extract(EPOCH FROM hours.ends - hours.starts) / 60
),

found AS (
    SELECT
        provider,
        slot,
        state,
        reason
    FROM ops.slots
    WHERE
        dataset = %(dataset)s
        AND slot >= %(starts)s::timestamptz
        AND slot < %(ends)s::timestamptz
        AND state <> 'observed'
    UNION ALL
    SELECT
        short.provider,
        untold.slot,
        'feed_down' AS state,
        'Nothing was collected: the platform did not run, or was busy.' AS reason
    FROM short
    -- Lateral, or all slots are joined at once.
    CROSS JOIN LATERAL (
        SELECT expected.slot
        FROM generate_series(short.starts, short.ends - interval '1 minute', interval '1 minute') AS expected (slot)
        EXCEPT
        SELECT slots.slot
        FROM ops.slots
        WHERE
            slots.dataset = %(dataset)s
            AND slots.provider = short.provider
            AND slots.slot >= short.starts
            AND slots.slot < short.ends
    ) AS untold
)

SELECT
    provider,
    slot,
    state,
    reason
FROM found
WHERE
    %(planned)s
    OR state NOT IN ('not_due', 'confirmed_empty')
ORDER BY provider, slot;
