-- Purpose: every good answer of an endpoint that a dataset was collected from, and every recorded one that was replayed
-- for it, collection by collection in the order of time, and of each the pages in the order of ranks.
-- Parameters: dataset, provider, endpoint, start (NULL: no bound), until (exclusive; NULL: no bound).
-- Reads: ops.collection_status, ops.slots, raw.fetches, raw.payloads. Writes: nothing.
WITH ended AS (
    SELECT
        id,
        dataset,
        provider,
        run_id,
        start_time,
        coalesce(end_time, 'infinity'::timestamptz) AS end_time,
        batch_details -> 'payloads' AS recorded,
        (batch_details ->> 'fetched_at')::timestamptz AS fetched_at
    FROM ops.collection_status
    WHERE
        dataset = %(dataset)s
        AND provider = %(provider)s
),

collections AS (
    SELECT
        ended.*,
        coalesce(
            slots.slot, date_bin('1 minute', coalesce(ended.fetched_at, ended.start_time), 'epoch')
        ) AS slot
    FROM ended
    LEFT JOIN ops.slots AS slots
        ON
            ended.id = slots.collection_id
            AND ended.dataset = slots.dataset
            AND ended.provider = slots.provider
),

calls AS (
    SELECT
        fetch_id,
        run_id,
        started_at,
        payload_sha256,
        -- Calls that were made before the instant was kept tell it to the millisecond.
        coalesce(received_at, started_at + elapsed_ms * interval '1 millisecond') AS received_at,
        coalesce((params ->> 'page')::int, (params ->> 'start')::int, 0) AS place
    FROM raw.fetches
    WHERE
        provider = %(provider)s
        AND endpoint = %(endpoint)s
        AND outcome = 'ok'
        AND payload_sha256 IS NOT NULL
),

answers AS (
    SELECT
        collections.id AS collection_id,
        collections.start_time,
        collections.run_id,
        collections.slot,
        calls.place,
        calls.fetch_id,
        calls.payload_sha256,
        calls.received_at
    FROM collections
    INNER JOIN calls
        ON
            collections.run_id IS NOT DISTINCT FROM calls.run_id
            AND collections.start_time <= calls.started_at
            AND collections.end_time >= calls.started_at
    UNION ALL
    SELECT
        collections.id,
        collections.start_time,
        collections.run_id,
        collections.slot,
        files.place::int,
        0 AS fetch_id,
        decode(files.hash, 'hex') AS payload_sha256,
        collections.fetched_at
    FROM collections
    CROSS JOIN LATERAL jsonb_array_elements_text(collections.recorded) WITH ORDINALITY AS files (hash, place)
    WHERE collections.fetched_at IS NOT NULL
),

asked AS (
    SELECT *
    FROM answers
    WHERE
        (%(start)s::timestamptz IS NULL OR received_at >= %(start)s)
        AND (%(until)s::timestamptz IS NULL OR received_at < %(until)s)
)

SELECT
    asked.collection_id,
    asked.run_id,
    asked.slot,
    asked.payload_sha256,
    asked.received_at,
    payloads.payload_sha256 IS NOT NULL AS is_body_kept,
    payloads.media_type,
    count(*) OVER () AS answers_in_all
FROM asked
LEFT JOIN raw.payloads AS payloads ON asked.payload_sha256 = payloads.payload_sha256
ORDER BY asked.start_time, asked.collection_id, asked.place, asked.fetch_id;
