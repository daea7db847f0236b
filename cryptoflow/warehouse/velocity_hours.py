"""The windows of hours from closes alone, so that any hours may be computed in any order.

What does not belong here: the figures that follow from windows (velocity_statements).
"""

from __future__ import annotations

from cryptoflow.warehouse.velocity_fragments import HOLD_TIME, HOURS, MINUTE, day, hour, reading, seconds


def hours_windows() -> str:
    """Every row of the wanted hours of one day, from the closes of the day and the day before it alone."""
    instants = ", ".join(
        [
            "('end', outputs.at)",
            f"('midnight', {day('outputs.bucket')})",
            *(f"('{name}', outputs.at - INTERVAL '{hours} hours')" for name, hours in HOURS.items()),
        ]
    )

    def at(name: str, what: str) -> str:
        return f"max(passed.{what}) FILTER (WHERE passed.name = '{name}')"

    figures = ",\n".join(
        f"{at('end', 'integral')} - {at(name, 'integral')} AS integral_{name},"
        f" {at('end', 'held')} - {at(name, 'held')} AS held_{name}"
        for name in HOURS
    )
    return f"""
        WITH wanted AS (
            SELECT * FROM unnest(%(hours)s::timestamptz[], %(assets)s::int[]) AS wanted (hour, asset_id)
        ),

        readings AS (
            SELECT
                closes.bucket, closes.asset_id, closes.volume_24h_usd, closes.market_cap_usd,
                {reading("closes")} AS reading,
                {
        seconds(
            f"least(coalesce(lead(closes.bucket) OVER of_asset, 'infinity'), closes.bucket + {HOLD_TIME})",
            "closes.bucket",
        )
    } AS hold_seconds
            FROM market.minute_close AS closes
            WHERE
                closes.bucket >= %(low)s::timestamptz - INTERVAL '24 hours' - {HOLD_TIME}
                AND closes.bucket < %(high)s
                AND closes.asset_id = any(%(assets)s)
            WINDOW of_asset AS (PARTITION BY closes.asset_id ORDER BY closes.bucket)
        ),

        running AS (
            SELECT
                readings.*,
                coalesce(sum(coalesce(reading * hold_seconds, 0)) OVER earlier, 0) AS integral,
                coalesce(sum(CASE WHEN reading IS NULL THEN 0 ELSE hold_seconds END) OVER earlier, 0) AS held
            FROM readings
            WINDOW earlier AS (
                PARTITION BY asset_id ORDER BY bucket ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            )
        ),

        outputs AS (
            SELECT running.*, running.bucket + {MINUTE} AS at
            FROM running
            INNER JOIN wanted ON running.asset_id = wanted.asset_id AND {hour("running.bucket")} = wanted.hour
        ),

        -- An instant sees the rows before it: in a list of both, ordered by time, the last row that came before.
        events AS (
            SELECT asset_id, bucket AS at, true AS is_row, NULL::timestamptz AS of_bucket, NULL AS name FROM running
            UNION ALL
            SELECT outputs.asset_id, instants.at, false, outputs.bucket, instants.name
            FROM outputs
            CROSS JOIN LATERAL (VALUES {instants}) AS instants (name, at)
        ),

        seen AS (
            SELECT
                events.*,
                max(CASE WHEN is_row THEN at END) OVER (
                    PARTITION BY asset_id ORDER BY at, is_row ROWS UNBOUNDED PRECEDING
                ) AS last_bucket
            FROM events
        ),

        passed AS (
            SELECT
                seen.asset_id, seen.of_bucket, seen.name,
                coalesce(last.integral, 0) + coalesce(last.reading * since.seconds, 0) AS integral,
                coalesce(last.held, 0) + CASE WHEN last.reading IS NULL THEN 0 ELSE since.seconds END AS held
            FROM seen
            LEFT JOIN running AS last ON seen.asset_id = last.asset_id AND seen.last_bucket = last.bucket
            CROSS JOIN LATERAL (
                SELECT least({seconds("seen.at", "last.bucket")}, last.hold_seconds) AS seconds
            ) AS since
            WHERE NOT seen.is_row
        )

        SELECT
            outputs.bucket, outputs.asset_id, outputs.volume_24h_usd, outputs.market_cap_usd, outputs.reading,
            {at("end", "integral")} - {at("midnight", "integral")} AS integral,
            {at("end", "held")} - {at("midnight", "held")} AS held_seconds,
            {figures}
        FROM outputs
        INNER JOIN passed ON outputs.asset_id = passed.asset_id AND outputs.bucket = passed.of_bucket
        GROUP BY
            outputs.bucket, outputs.asset_id, outputs.volume_24h_usd, outputs.market_cap_usd, outputs.reading
    """
