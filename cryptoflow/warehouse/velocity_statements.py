"""The two statements that compute velocity, and what they share. The formulas in words and decimals: refine.velocity.

Both end in the relation `windows`: per row its reading and, for each instant that a figure needs, the integral of what
held before it. The first reads integrals that stand in earlier rows, and so costs the same whatever the history; the
second reads nothing but closes, and so may be run for any hours in any order. Both say the same of the same closes.
What does not belong here: which rows are computed when (velocity).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final

from psycopg import sql

from cryptoflow.contracts.velocity import velocity
from cryptoflow.refine.velocity import (
    DIGITS,
    FORMULA_VERSION,
    HIGHEST,
    HOLD,
    TREND_HOURS,
    TREND_REACH,
    WEEK_READINGS,
    WINDOWS,
)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """What held from midnight to an instant, for each of some rows.

    Midnight is that of the day to which the minute before the instant belongs, unless it is given. What held is told by
    the last row before: one of that day brings its own integral, one of the day before only what holds over midnight.

    Nearly always there is a row of the very minute before. These lie between `first` and `last`, and are joined at once
    for all assets; only where there is none, the last one is looked for, asset by asset.
    """

    name: str
    rows: str
    instant: str
    first: str
    last: str
    midnight: str | None = None

    @property
    def join(self) -> str:
        """Joins the row of the very minute before."""
        return f"""
            LEFT JOIN market.velocity AS {self.name}
                ON
                    {self.rows}.asset_id = {self.name}.asset_id
                    AND {self.name}.bucket = {self.instant} - {_MINUTE}
                    AND {self.name}.bucket >= {self.first}
                    AND {self.name}.bucket <= {self.last}
        """

    @property
    def column(self) -> str:
        """What held, as [integral, seconds]; NULL when there is no row before."""
        since = self.midnight or _day(f"{self.instant} - {_MINUTE}")
        is_known = "NOT last.unavailable ? 'velocity'"
        holds = _seconds(f"least({self.instant}, last.bucket + {_HOLD})", f"greatest(last.bucket + {_MINUTE}, {since})")
        return f"""
            CASE
                -- It ends at the instant: nothing of it holds on.
                WHEN {self.name}.bucket >= {since} THEN ARRAY[{self.name}.integral, {self.name}.held_seconds]
                WHEN {self.name}.bucket IS NULL THEN (
                    SELECT
                        ARRAY[
                            CASE WHEN last.bucket >= {since} THEN last.integral ELSE 0 END
                            + CASE WHEN {is_known} THEN last.velocity * {holds} ELSE 0 END,
                            CASE WHEN last.bucket >= {since} THEN last.held_seconds ELSE 0 END
                            + CASE WHEN {is_known} THEN {holds} ELSE 0 END
                        ]
                    FROM market.velocity AS last
                    WHERE
                        last.asset_id = {self.rows}.asset_id
                        AND last.bucket < {self.instant}
                        AND last.bucket >= {since} - {_HOLD}
                        -- Known before it is run, so that no partition is planned for but those of the day, of the day
                        -- before, and of what holds over the midnight between it and the one before it.
                        AND last.bucket >= %(low)s::timestamptz - INTERVAL '2 days'
                        AND last.bucket <= %(high)s
                    ORDER BY last.bucket DESC
                    LIMIT 1
                )
            END AS {self.name}
        """


def _tail_windows() -> str:
    """From each asset's first changed minute of a day to its last: every earlier integral stands in the table."""
    anchor = _Before(
        name="anchor",
        rows="running",
        instant="running.first_bucket",
        first=f"%(low)s::timestamptz - {_MINUTE}",
        last=f"%(high)s::timestamptz - {_MINUTE}",
        midnight="running.midnight",
    )
    midnight = f"{_day('%(low)s::timestamptz')} - {_MINUTE}"
    looks = [
        _Before(name="day_before", rows="ends", instant="ends.midnight", first=midnight, last=midnight),
        *(
            _Before(
                name=f"before_{hours}h",
                rows="ends",
                instant=f"ends.at - INTERVAL '{hours} hours'",
                first=f"%(low)s::timestamptz - INTERVAL '{hours} hours'",
                last=f"%(high)s::timestamptz - INTERVAL '{hours} hours'",
            )
            for hours in _HOURS.values()
        ),
    ]

    def within(name: str, hours: int, place: int, until: str) -> str:
        """The window reaches into the day before: what that day held from its start on, and all of this one."""
        return f"""
            {until} - coalesce(before_{hours}h[{place}], 0)
            + CASE WHEN at - INTERVAL '{hours} hours' <= midnight THEN coalesce(day_before[{place}], 0) ELSE 0 END
                AS {name}
        """

    figures = ",".join(
        within(f"integral_{name}", hours, 1, "integral") + "," + within(f"held_{name}", hours, 2, "held")
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
                first_value(bucket) OVER of_asset AS first_bucket,
                {_day("%(low)s::timestamptz")} AS midnight
            FROM steps
            WINDOW of_asset AS (PARTITION BY asset_id ORDER BY bucket)
        ),

        -- Materialized, for what was looked up is used more than once.
        anchored AS MATERIALIZED (
            SELECT running.*, {anchor.column} FROM running {anchor.join}
        ),

        ends AS (
            SELECT
                bucket, asset_id, volume_24h_usd, market_cap_usd, reading, midnight,
                bucket + {_MINUTE} AS at,
                integral + coalesce(anchor[1], 0) AS integral,
                held + coalesce(anchor[2], 0) AS held
            FROM anchored
        ),

        looked AS MATERIALIZED (
            SELECT ends.*, {", ".join(look.column for look in looks)}
            FROM ends
            {"".join(look.join for look in looks)}
        )

        SELECT bucket, asset_id, volume_24h_usd, market_cap_usd, reading, integral, held AS held_seconds, {figures}
        FROM looked
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
    lacking = ", ".join(f"figures.{name}" for name in ("reading", *_HOURS, "velocity_7d"))
    no_week = '\'{"velocity_7d": "missing_readings"}\'::jsonb'
    looks = ", ".join(
        [
            *(f"(INTERVAL '{hours} hours', true)" for hours in range(1, TREND_HOURS + 1)),
            *(f"(INTERVAL '{hours} hours', false)" for hours in range(24, 24 * WEEK_READINGS, 24)),
        ]
    )
    return f"""
        hours AS (
            SELECT DISTINCT asset_id, {_hour("bucket")} AS hour FROM windows
        ),

        -- Hours that nearly always tell all that is needed: three for the trend, one a day for the week.
        usual AS (
            SELECT
                hours.asset_id, hours.hour,
                sum({_reading("closes")}) FILTER (WHERE looks.is_recent) AS total,
                count(*) FILTER (WHERE looks.is_recent) AS readings,
                sum(closes.volume_24h_usd) FILTER (WHERE NOT looks.is_recent) AS volumes,
                sum(closes.market_cap_usd) FILTER (WHERE NOT looks.is_recent) AS caps,
                count(*) FILTER (WHERE NOT looks.is_recent) AS days
            FROM hours
            CROSS JOIN (VALUES {looks}) AS looks (back, is_recent)
            INNER JOIN market.hourly_close AS closes
                ON hours.asset_id = closes.asset_id AND closes.bucket = hours.hour - looks.back
            WHERE
                closes.bucket = any(%(hours_before)s)
                AND closes.bucket >= %(low)s::timestamptz - INTERVAL '7 days' AND closes.bucket <= %(high)s
                AND {_known("closes")}
            GROUP BY hours.asset_id, hours.hour
        ),

        hourly AS (
            SELECT
                hours.asset_id, hours.hour,
                CASE WHEN usual.readings = {TREND_HOURS} THEN usual.total ELSE recent.total END AS total,
                CASE WHEN usual.readings = {TREND_HOURS} THEN {TREND_HOURS} ELSE recent.readings END AS readings,
                usual.volumes, usual.caps, usual.days
            FROM hours
            LEFT JOIN usual ON hours.asset_id = usual.asset_id AND hours.hour = usual.hour
            LEFT JOIN LATERAL (
                SELECT sum(newest.reading) AS total, count(*) AS readings
                FROM (
                    SELECT {_reading("closes")} AS reading
                    FROM market.hourly_close AS closes
                    WHERE
                        usual.readings IS DISTINCT FROM {TREND_HOURS}
                        AND closes.asset_id = hours.asset_id
                        AND closes.bucket < hours.hour
                        AND closes.bucket >= hours.hour - INTERVAL '{int(TREND_REACH.total_seconds())} seconds'
                        AND closes.bucket >= %(low)s::timestamptz - INTERVAL '2 days' AND closes.bucket <= %(high)s
                        AND {_known("closes")}
                    ORDER BY closes.bucket DESC
                    LIMIT {TREND_HOURS}
                ) AS newest
            ) AS recent ON true
        ),

        -- Materialized, for each figure is asked for more than once.
        figures AS MATERIALIZED (
            SELECT
                windows.bucket, windows.asset_id, windows.reading, windows.market_cap_usd,
                windows.integral, windows.held_seconds, windows.held_velocity_24h AS held_24h_seconds,
                {means},
                CASE
                    WHEN windows.reading IS NOT NULL AND hourly.days = {WEEK_READINGS - 1}
                        THEN least(
                            round(
                                (windows.volume_24h_usd + hourly.volumes) / (windows.market_cap_usd + hourly.caps),
                                {DIGITS}
                            ),
                            {HIGHEST}
                        )
                END AS velocity_7d,
                CASE
                    WHEN windows.reading IS NULL OR hourly.readings < {TREND_HOURS} THEN 'insufficient_data'
                    WHEN hourly.total = 0 THEN CASE WHEN windows.reading > 0 THEN 'increasing' ELSE 'stable' END
                    WHEN windows.reading * {TREND_HOURS} > hourly.total * 1.05 THEN 'increasing'
                    WHEN windows.reading * {TREND_HOURS} < hourly.total * 0.95 THEN 'decreasing'
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
                CASE WHEN num_nulls({lacking}) = 0 THEN '{{}}'::jsonb ELSE
                CASE
                    WHEN figures.reading IS NOT NULL THEN '{{}}'::jsonb
                    WHEN figures.market_cap_usd > 0 THEN '{{"velocity": "no_volume"}}'::jsonb
                    ELSE '{{"velocity": "no_market_cap"}}'::jsonb
                END
                {lacks}
                || CASE WHEN figures.velocity_7d IS NULL THEN {no_week} ELSE '{{}}'::jsonb END
                END AS unavailable,
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


def hours_before(hours: Collection[datetime]) -> list[datetime]:
    """Every hour that rows of the given hours may look back on, save for a trend that must look farther."""
    backs = [*range(1, TREND_HOURS + 1), *range(24, 24 * WEEK_READINGS, 24)]
    return sorted({hour - timedelta(hours=back) for hour in hours for back in backs})


@cache
def tail_statement() -> bytes:
    """Parameters: assets, froms (first minute of each), low, high (first and last minute of all, in one day),
    hours_before (see `hours_before`), kept_until, recorded_at."""
    return _composed(_tail_windows())


@cache
def hours_statement() -> bytes:
    """Parameters: hours, assets (pairs), low, high (start of the first and end of the last, in one day), hours_before
    (see `hours_before`), kept_until, recorded_at."""
    return _composed(_hours_windows())


def _composed(windows: str) -> bytes:
    # The texts are put together from names and numbers of this module alone.
    return (sql.SQL(f"WITH windows AS MATERIALIZED ({windows}), {_figures()}") + merge_statement(velocity)).as_bytes()
