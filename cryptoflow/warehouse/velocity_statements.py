"""The two statements that compute velocity, and what they share. The formulas in words and decimals: refine.velocity.

Both end in the relation `windows`: per row its reading and, for each instant that a figure needs, the integral of what
held before it. The first reads integrals that stand in earlier rows, and so costs the same whatever the history; the
second reads nothing but closes, and so may be run for any hours in any order. Both say the same of the same closes.
What does not belong here: which rows are computed when (velocity).
"""

from __future__ import annotations

from functools import cache
from typing import Final

from psycopg import sql

from cryptoflow.contracts.velocity import velocity
from cryptoflow.refine.velocity import DIGITS, FORMULA_VERSION, HIGHEST, HOLD, TREND_REACH, WINDOWS
from cryptoflow.warehouse.merge import merge_statement

_HOLD: Final = f"INTERVAL '{int(HOLD.total_seconds())} seconds'"
_MINUTE: Final = "INTERVAL '1 minute'"
_HOURS: Final = {name: int(length.total_seconds()) // 3_600 for name, length in WINDOWS.items()}


def _day(instant: str) -> str:
    return f"date_bin('1 day', {instant}, TIMESTAMPTZ '2000-01-01 00:00:00+00')"


def _hour(instant: str) -> str:
    return f"date_bin('1 hour', {instant}, TIMESTAMPTZ '2000-01-01 00:00:00+00')"


def _known(row: str) -> str:
    return f"({row}.market_cap_usd > 0 AND {row}.volume_24h_usd IS NOT NULL)"


def _reading(row: str) -> str:
    """The velocity of a close; NULL when it is not known."""
    ratio = f"round({row}.volume_24h_usd / {row}.market_cap_usd, {DIGITS})"
    return f"CASE WHEN {_known(row)} THEN least({ratio}, {HIGHEST}) END"


def _seconds(until: str, since: str) -> str:
    """Whole seconds from one instant to a later one; 0 when it is not later."""
    return f"greatest(extract(EPOCH FROM ({until}) - ({since})), 0)::int"


def _before(instant: str, asset: str, name: str, *, midnight: str | None = None) -> str:
    """What held from midnight to the instant, from the last row before it: a row that is joined under the name.

    Midnight is that of the day to which the minute before the instant belongs, unless it is given. A row of that day
    brings its own integral; one of the day before only what holds over midnight.
    """
    since = midnight or _day(f"{instant} - {_MINUTE}")
    is_known = "NOT last.unavailable ? 'velocity'"
    holds = _seconds(f"least({instant}, last.bucket + {_HOLD})", f"greatest(last.bucket + {_MINUTE}, {since})")
    return f"""
        LEFT JOIN LATERAL (
            SELECT
                CASE WHEN last.bucket >= {since} THEN last.integral ELSE 0 END
                + CASE WHEN {is_known} THEN last.velocity * {holds} ELSE 0 END AS integral,
                CASE WHEN last.bucket >= {since} THEN last.held_seconds ELSE 0 END
                + CASE WHEN {is_known} THEN {holds} ELSE 0 END AS held
            FROM market.velocity AS last
            WHERE
                last.asset_id = {asset} AND last.bucket < {instant} AND last.bucket >= {since} - {_HOLD}
                -- Known before it is run, so that no partition is planned for but those of the day, of the day before,
                -- and of what holds over the midnight between it and the one before it.
                AND last.bucket >= %(low)s::timestamptz - INTERVAL '2 days' AND last.bucket <= %(high)s
            ORDER BY last.bucket DESC
            LIMIT 1
        ) AS {name} ON true
    """


def _tail_windows() -> str:
    """From each asset's first changed minute of a day to its last: every earlier integral stands in the table."""
    lookups = "".join(
        _before(f"ends.at - INTERVAL '{hours} hours'", "ends.asset_id", f"before_{hours}h") for hours in _HOURS.values()
    )
    # The window reaches into the day before: what that day held from the start of the window on, and all of this one.
    figures = ",\n".join(
        f"""
            ends.integral - coalesce(before_{hours}h.integral, 0)
            + CASE WHEN ends.at - INTERVAL '{hours} hours' <= ends.midnight THEN coalesce(day_before.integral, 0)
                ELSE 0 END AS integral_{name},
            ends.held - coalesce(before_{hours}h.held, 0)
            + CASE WHEN ends.at - INTERVAL '{hours} hours' <= ends.midnight THEN coalesce(day_before.held, 0)
                ELSE 0 END AS held_{name}
        """
        for name, hours in _HOURS.items()
    )
    return f"""
        WITH keys AS (
            SELECT * FROM unnest(%(assets)s::int[], %(froms)s::timestamptz[]) AS keys (asset_id, first_bucket)
        ),

        closes AS (
            SELECT
                closes.bucket, closes.asset_id, closes.volume_24h_usd, closes.market_cap_usd,
                {_reading("closes")} AS reading,
                lag(closes.bucket) OVER of_asset AS earlier_bucket,
                lag({_reading("closes")}) OVER of_asset AS earlier_reading
            FROM keys
            INNER JOIN market.minute_close AS closes
                ON keys.asset_id = closes.asset_id AND closes.bucket >= keys.first_bucket
            WHERE closes.bucket >= %(low)s AND closes.bucket <= %(high)s
            WINDOW of_asset AS (PARTITION BY closes.asset_id ORDER BY closes.bucket)
        ),

        steps AS (
            SELECT
                closes.*,
                {
        _seconds(f"least(closes.bucket, closes.earlier_bucket + {_HOLD})", f"closes.earlier_bucket + {_MINUTE}")
    } AS gap_seconds
            FROM closes
        ),

        running AS (
            SELECT
                steps.*,
                sum(
                    coalesce(earlier_reading * gap_seconds, 0) + coalesce(reading * 60, 0)
                ) OVER of_asset AS integral,
                sum(
                    CASE WHEN earlier_reading IS NULL THEN 0 ELSE gap_seconds END
                    + CASE WHEN reading IS NULL THEN 0 ELSE 60 END
                ) OVER of_asset AS held,
                first_value(bucket) OVER of_asset AS first_bucket
            FROM steps
            WINDOW of_asset AS (PARTITION BY asset_id ORDER BY bucket)
        ),

        anchors AS (
            SELECT firsts.asset_id, before.integral, before.held, firsts.midnight
            FROM (
                SELECT DISTINCT asset_id, first_bucket, {_day("first_bucket")} AS midnight FROM running
            ) AS firsts
            {_before("firsts.first_bucket", "firsts.asset_id", "before", midnight="firsts.midnight")}
        ),

        ends AS (
            SELECT
                running.bucket, running.asset_id, running.volume_24h_usd, running.market_cap_usd, running.reading,
                running.bucket + {_MINUTE} AS at,
                anchors.midnight,
                running.integral + coalesce(anchors.integral, 0) AS integral,
                running.held + coalesce(anchors.held, 0) AS held
            FROM running
            INNER JOIN anchors ON running.asset_id = anchors.asset_id
        )

        SELECT
            ends.bucket, ends.asset_id, ends.volume_24h_usd, ends.market_cap_usd, ends.reading,
            ends.integral, ends.held AS held_seconds,
            {figures}
        FROM ends
        {lookups}
        {_before("ends.midnight", "ends.asset_id", "day_before")}
    """


def _hours_windows() -> str:
    """Every row of the wanted hours of one day, from the closes of the day and the day before it alone."""
    instants = ", ".join(
        [
            "('end', outputs.at)",
            f"('midnight', {_day('outputs.bucket')})",
            *(f"('{name}', outputs.at - INTERVAL '{hours} hours')" for name, hours in _HOURS.items()),
        ]
    )

    def at(name: str, what: str) -> str:
        return f"max(passed.{what}) FILTER (WHERE passed.name = '{name}')"

    figures = ",\n".join(
        f"{at('end', 'integral')} - {at(name, 'integral')} AS integral_{name},"
        f" {at('end', 'held')} - {at(name, 'held')} AS held_{name}"
        for name in _HOURS
    )
    return f"""
        WITH wanted AS (
            SELECT * FROM unnest(%(hours)s::timestamptz[], %(assets)s::int[]) AS wanted (hour, asset_id)
        ),

        readings AS (
            SELECT
                closes.bucket, closes.asset_id, closes.volume_24h_usd, closes.market_cap_usd,
                {_reading("closes")} AS reading,
                {
        _seconds(
            f"least(coalesce(lead(closes.bucket) OVER of_asset, 'infinity'), closes.bucket + {_HOLD})", "closes.bucket"
        )
    } AS hold_seconds
            FROM market.minute_close AS closes
            WHERE
                closes.bucket >= %(low)s::timestamptz - INTERVAL '24 hours' - {_HOLD}
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
            SELECT running.*, running.bucket + {_MINUTE} AS at
            FROM running
            INNER JOIN wanted ON running.asset_id = wanted.asset_id AND {_hour("running.bucket")} = wanted.hour
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
                SELECT least({_seconds("seen.at", "last.bucket")}, last.hold_seconds) AS seconds
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


def _figures() -> str:
    """From `windows` to rows of market.velocity: means, the week, the trend, and why something is not known."""
    means = ",\n".join(
        f"CASE WHEN 2 * held_{name} >= {hours * 3_600}"
        f" THEN round(integral_{name} / held_{name}, {DIGITS}) END AS {name}"
        for name, hours in _HOURS.items()
    )
    lacks = "".join(
        f" || CASE WHEN figures.{name} IS NULL THEN '{{\"{name}\": \"below_window\"}}'::jsonb ELSE '{{}}'::jsonb END"
        for name in _HOURS
    )
    no_week = '\'{"velocity_7d": "missing_readings"}\'::jsonb'
    return f"""
        hours AS (
            SELECT DISTINCT asset_id, {_hour("bucket")} AS hour FROM windows
        ),

        hourly AS (
            SELECT
                hours.asset_id, hours.hour, recent.total, recent.readings,
                week.volumes, week.caps, week.readings AS days
            FROM hours
            LEFT JOIN LATERAL (
                SELECT sum(newest.reading) AS total, count(*) AS readings
                FROM (
                    SELECT {_reading("closes")} AS reading
                    FROM market.hourly_close AS closes
                    WHERE
                        closes.asset_id = hours.asset_id
                        AND closes.bucket < hours.hour
                        AND closes.bucket >= hours.hour - INTERVAL '{int(TREND_REACH.total_seconds())} seconds'
                        AND closes.bucket >= %(low)s::timestamptz - INTERVAL '2 days' AND closes.bucket <= %(high)s
                        AND {_known("closes")}
                    ORDER BY closes.bucket DESC
                    LIMIT 3
                ) AS newest
            ) AS recent ON true
            LEFT JOIN LATERAL (
                SELECT
                    sum(closes.volume_24h_usd) AS volumes, sum(closes.market_cap_usd) AS caps, count(*) AS readings
                FROM generate_series(1, 6) AS days (back)
                INNER JOIN market.hourly_close AS closes
                    ON
                        closes.asset_id = hours.asset_id
                        AND closes.bucket = hours.hour - days.back * INTERVAL '24 hours'
                        AND closes.bucket >= %(low)s::timestamptz - INTERVAL '7 days' AND closes.bucket <= %(high)s
                        AND {_known("closes")}
            ) AS week ON true
        ),

        figures AS (
            SELECT
                windows.bucket, windows.asset_id, windows.reading, windows.market_cap_usd,
                windows.integral, windows.held_seconds, windows.held_velocity_24h AS held_24h_seconds,
                {means},
                CASE
                    WHEN windows.reading IS NOT NULL AND hourly.days = 6
                        THEN least(
                            round(
                                (windows.volume_24h_usd + hourly.volumes) / (windows.market_cap_usd + hourly.caps),
                                {DIGITS}
                            ),
                            {HIGHEST}
                        )
                END AS velocity_7d,
                CASE
                    WHEN windows.reading IS NULL OR hourly.readings < 3 THEN 'insufficient_data'
                    WHEN hourly.total = 0 THEN CASE WHEN windows.reading > 0 THEN 'increasing' ELSE 'stable' END
                    WHEN windows.reading * 3 > hourly.total * 1.05 THEN 'increasing'
                    WHEN windows.reading * 3 < hourly.total * 0.95 THEN 'decreasing'
                    ELSE 'stable'
                END AS trend
            FROM windows
            INNER JOIN hourly ON windows.asset_id = hourly.asset_id AND {_hour("windows.bucket")} = hourly.hour
        ),

        incoming AS (
            SELECT
                figures.bucket, figures.asset_id,
                CASE WHEN figures.market_cap_usd > 0 THEN figures.reading ELSE 0 END AS velocity,
                {", ".join(f"figures.{name}" for name in _HOURS)},
                figures.velocity_7d, figures.trend,
                CASE
                    WHEN figures.reading IS NOT NULL THEN '{{}}'::jsonb
                    WHEN figures.market_cap_usd > 0 THEN '{{"velocity": "no_volume"}}'::jsonb
                    ELSE '{{"velocity": "no_market_cap"}}'::jsonb
                END
                {lacks}
                || CASE WHEN figures.velocity_7d IS NULL THEN {no_week} ELSE '{{}}'::jsonb END AS unavailable,
                round(figures.integral, {DIGITS}) AS integral, figures.held_seconds::int, figures.held_24h_seconds::int,
                {FORMULA_VERSION}::smallint AS formula_version
            FROM figures
            LEFT JOIN market.velocity AS standing
                ON
                    figures.asset_id = standing.asset_id
                    AND figures.bucket = standing.bucket
                    AND standing.bucket >= %(low)s
                    AND standing.bucket < %(kept_until)s
            -- Of minutes whose day before is no longer kept, what was computed while it was stands.
            WHERE standing.asset_id IS NULL OR figures.held_24h_seconds >= standing.held_24h_seconds
        ),
    """


@cache
def tail_statement() -> bytes:
    """Parameters: assets, froms (first minute of each), low, high (first and last minute of all, in one day),
    kept_until, recorded_at."""
    return _composed(_tail_windows())


@cache
def hours_statement() -> bytes:
    """Parameters: hours, assets (pairs), low, high (start of the first and end of the last, in one day), kept_until,
    recorded_at."""
    return _composed(_hours_windows())


def _composed(windows: str) -> bytes:
    # The texts are put together from names and numbers of this module alone.
    return (sql.SQL(f"WITH windows AS MATERIALIZED ({windows}), {_figures()}") + merge_statement(velocity)).as_bytes()
