"""Where a row of velocity comes from: each figure with the value that its inputs give by the plain formula.

The stored figures were computed in sets; here they are computed once more, from the closes that are still kept, so that
a reader sees whether the two agree. What does not belong here: printing; the formulas (refine.velocity).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from cryptoflow.cadence import Grain, bucket_end, bucket_start
from cryptoflow.contracts.velocity import velocity as table
from cryptoflow.refine.velocity import (
    HOLD,
    MINUTE,
    TREND_REACH,
    WEEK_READINGS,
    WINDOWS,
    Reading,
    velocity,
    velocity_trend,
    week_velocity,
    window_mean,
)
from cryptoflow.warehouse.explaining import Record, absent, asset_of_slug, earlier_versions, records
from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.statements import statement

_DAY: Final = timedelta(days=1)
FORMULAS: Final = {
    1: "Velocity is volume of 24 hours / market cap, at most 100. A reading holds until the next close of the asset, "
    "for ten minutes at the most; a window is the mean over the time for which readings hold, and is not known while "
    "that is less than half of it. The week is mean volume / mean cap of seven readings a day apart: this minute, and "
    "the closes of the same hour on the six days before. The trend compares with the mean of the last three hours "
    "before, within a day; 5 % apart is a trend.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureExplanation:
    """One figure: as it is stored, as its inputs give it, and what it was made from."""

    figure: str
    stored: Decimal | str | None
    recomputed: Decimal | str | None
    agrees: bool
    unavailable: str | None
    made_from: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VelocityExplanation:
    """A row of velocity with its origin."""

    dataset: str
    slug: str
    bucket: datetime
    status: str
    figures: Sequence[FigureExplanation]
    formula_version: int
    formula: str
    recorded_at: datetime
    readings: Sequence[Record]
    hours: Sequence[Record]
    earlier_versions: Sequence[Record]


def explain_velocity(connection: Connection, *, slug: str, instant: datetime) -> VelocityExplanation:
    """The velocity of the minute that holds the instant, and where it comes from."""
    bucket = bucket_start(instant, Grain.MINUTE)
    key: Record = {"asset_id": asset_of_slug(connection, slug), "bucket": bucket}
    stored = records(connection, statement("market/select_velocity_row"), key)
    if not stored:
        raise absent(connection, table.name, slug=slug, bucket=bucket, end=bucket_end(bucket, Grain.MINUTE))
    row = stored[0]
    hour = bucket_start(bucket, Grain.HOUR)
    readings = records(
        connection,
        statement("market/select_readings"),
        key | {"start": bucket + MINUTE - max(WINDOWS.values()) - HOLD},
    )
    hours = records(
        connection,
        statement("market/select_hour_readings"),
        key | {"hour": hour, "recent": hour - TREND_REACH, "days": [hour - back * _DAY for back in _days_back()]},
    )
    return VelocityExplanation(
        dataset=f"{table.schema}.{table.name}",
        slug=slug,
        bucket=bucket,
        status=row["status"],
        figures=_figures(row, [_reading(one) for one in readings], [_reading(one) for one in hours], bucket=bucket),
        formula_version=row["formula_version"],
        formula=FORMULAS[row["formula_version"]],
        recorded_at=row["recorded_at"],
        readings=readings,
        hours=hours,
        earlier_versions=earlier_versions(connection, table, key),
    )


def _days_back() -> range:
    return range(1, WEEK_READINGS)


def _reading(record: Record) -> Reading:
    return Reading(
        bucket=record["bucket"], volume_24h_usd=record["volume_24h_usd"], market_cap_usd=record["market_cap_usd"]
    )


def _figures(
    row: Record, readings: Sequence[Reading], hours: Sequence[Reading], *, bucket: datetime
) -> list[FigureExplanation]:
    end, hour = bucket + MINUTE, bucket_start(bucket, Grain.HOUR)
    current = readings[-1]
    by_hour = {one.bucket: one for one in hours}
    recent = [one.velocity for one in hours if hour - TREND_REACH <= one.bucket < hour and one.velocity is not None]
    week = [current, *(by_hour.get(hour - back * _DAY) for back in _days_back())]
    found = [("velocity", velocity(current.volume_24h_usd, current.market_cap_usd), "the close of the minute")]
    for name, length in WINDOWS.items():
        mean, held = window_mean(readings, end=end, length=length)
        found.append((name, mean, f"readings that hold for {held} of {length}"))
    return [
        *(_explained(row, name, value, made_from) for name, value, made_from in found),
        _explained(row, "velocity_7d", week_velocity(week), f"{sum(one is not None for one in week)} of 7 readings"),
        _explained(row, "trend", velocity_trend(current.velocity, recent), f"{len(recent)} hours, of which 3 count"),
    ]


def _explained(row: Record, name: str, recomputed: Any, made_from: str) -> FigureExplanation:
    return FigureExplanation(
        figure=name,
        stored=row[name],
        recomputed=recomputed,
        agrees=row[name] == recomputed,
        unavailable=row["unavailable"].get(name),
        made_from=made_from,
    )
