"""The two statements that compute velocity, and the figures that both end in. The formulas in words: refine.velocity.

Both begin with the relation `windows`: per row its reading and, for each window, the integral of what held in it. One
gets it from integrals that stand in earlier rows (velocity_tail), the other from closes alone (velocity_hours). Both
say the same of the same closes.
What does not belong here: which rows are computed when (velocity).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import cache
from typing import Final

from psycopg import sql

from cryptoflow.contracts.velocity import velocity
from cryptoflow.refine.velocity import (
    DIGITS,
    FORMULA_VERSION,
    HIGHEST,
    TREND_HOURS,
    TREND_REACH,
    WEEK_READINGS,
)
from cryptoflow.warehouse.merge import merge_statement
from cryptoflow.warehouse.velocity_fragments import HOURS, hour, known, reading
from cryptoflow.warehouse.velocity_hours import hours_windows
from cryptoflow.warehouse.velocity_tail import tail_windows

# How many hours back the closes lie that a trend is usually made of, and those of the six days before.
_HOURS_OF_TREND: Final = range(1, TREND_HOURS + 1)
_HOURS_OF_WEEK: Final = range(24, 24 * WEEK_READINGS, 24)


def _figures() -> str:
    """From `windows` to rows of market.velocity: means, the week, the trend, and why something is not known."""
    means = ",\n".join(
        f"CASE WHEN 2 * held_{name} >= {hours * 3_600}"
        f" THEN round(integral_{name} / held_{name}, {DIGITS}) END AS {name}"
        for name, hours in HOURS.items()
    )
    lacks = "".join(
        f" || CASE WHEN figures.{name} IS NULL THEN '{{\"{name}\": \"below_window\"}}'::jsonb ELSE '{{}}'::jsonb END"
        for name in HOURS
    )
    lacking = ", ".join(f"figures.{name}" for name in ("reading", *HOURS, "velocity_7d"))
    no_week = '\'{"velocity_7d": "missing_readings"}\'::jsonb'
    looks = ", ".join(
        [
            *(f"(INTERVAL '{hours} hours', true)" for hours in _HOURS_OF_TREND),
            *(f"(INTERVAL '{hours} hours', false)" for hours in _HOURS_OF_WEEK),
        ]
    )
    return f"""
        hours AS (
            SELECT DISTINCT asset_id, {hour("bucket")} AS hour FROM windows
        ),

        -- Hours that nearly always tell all that is needed: three for the trend, one a day for the week.
        usual AS (
            SELECT
                hours.asset_id, hours.hour,
                sum({reading("closes")}) FILTER (WHERE looks.is_recent) AS total,
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
                AND {known("closes")}
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
                    SELECT {reading("closes")} AS reading
                    FROM market.hourly_close AS closes
                    WHERE
                        usual.readings IS DISTINCT FROM {TREND_HOURS}
                        AND closes.asset_id = hours.asset_id
                        AND closes.bucket < hours.hour
                        AND closes.bucket >= hours.hour - INTERVAL '{int(TREND_REACH.total_seconds())} seconds'
                        AND closes.bucket >= %(low)s::timestamptz - INTERVAL '2 days' AND closes.bucket <= %(high)s
                        AND {known("closes")}
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
            INNER JOIN hourly ON windows.asset_id = hourly.asset_id AND {hour("windows.bucket")} = hourly.hour
        ),

        incoming AS (
            SELECT
                figures.bucket, figures.asset_id,
                CASE WHEN figures.market_cap_usd > 0 THEN figures.reading ELSE 0 END AS velocity,
                {", ".join(f"figures.{name}" for name in HOURS)},
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
    backs = (*_HOURS_OF_TREND, *_HOURS_OF_WEEK)
    return sorted({hour - timedelta(hours=back) for hour in hours for back in backs})


@cache
def tail_statement() -> bytes:
    """Parameters: assets, froms (first minute of each), low, high (first and last minute of all, in one day),
    hours_before (see `hours_before`), kept_until, recorded_at."""
    return _composed(tail_windows())


@cache
def hours_statement() -> bytes:
    """Parameters: hours, assets (pairs), low, high (start of the first and end of the last, in one day), hours_before
    (see `hours_before`), kept_until, recorded_at."""
    return _composed(hours_windows())


def _composed(windows: str) -> bytes:
    # The texts are put together from names and numbers of this module alone.
    return (sql.SQL(f"WITH windows AS MATERIALIZED ({windows}), {_figures()}") + merge_statement(velocity)).as_bytes()
