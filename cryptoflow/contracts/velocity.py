"""Contract of velocity: how fast an asset turns over, now and over trailing windows, minute by minute.

One row per close whose asset was observed in the minute. What a window says follows from the closes alone; the running
integral stands in the row so that a new minute costs a few look-ups and not a day of readings.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from cryptoflow.cadence import Grain
from cryptoflow.contracts.columns import asset_key, recorded_at
from cryptoflow.contracts.contract import Contract, Retention, column, revisions_of, table

RATIO: Final = "ratio"
TRENDS: Final = ("increasing", "decreasing", "stable", "insufficient_data")
HIGHEST: Final = 100


def _window(length: str) -> sa.Column[Any]:
    return column(
        f"velocity_{length}",
        sa.Numeric(),
        f"Time-weighted mean of velocity over the trailing {length}, over the time for which readings hold.",
        unit=RATIO,
        minimum=0,
        maximum=HIGHEST,
        nullable=True,
    )


velocity: Final = table(
    "velocity",
    Contract(
        description="Volume of 24 hours over market cap of each asset in each minute, its means and its trend.",
        one_row_per="asset and minute with a close",
        clock="bucket",
        cadence=Grain.MINUTE,
        retention=Retention(days=7, archive=True),
        owner="market-data",
        partition="day",
    ),
    column("bucket", sa.DateTime(timezone=True), "Start of the minute.", primary_key=True),
    asset_key(),
    column(
        "velocity",
        sa.Numeric(),
        "Volume of 24 hours / market cap, at most 100; 0 where the cap is unknown, which `unavailable` then says.",
        unit=RATIO,
        minimum=0,
        maximum=HIGHEST,
        nullable=True,
    ),
    *(_window(length) for length in ("1h", "4h", "12h", "24h")),
    column(
        "velocity_7d",
        sa.Numeric(),
        "Mean volume / mean market cap of seven readings a day apart, which tile the week.",
        unit=RATIO,
        minimum=0,
        maximum=HIGHEST,
        nullable=True,
    ),
    column("trend", sa.Text(), "Velocity against the mean of the three hours before, 5 % apart.", one_of=TRENDS),
    column("unavailable", pg.JSONB(), "Why a figure is not known: {figure: reason}."),
    column(
        "integral",
        sa.Numeric(),
        "Sum of velocity times the seconds for which it held, from 00:00 UTC to the end of the minute.",
        unit="ratio x s",
        minimum=0,
    ),
    column(
        "held_seconds",
        sa.Integer(),
        "Seconds for which a reading held, from 00:00 UTC to the end of the minute.",
        unit="seconds",
        minimum=0,
        maximum=86_400,
    ),
    column(
        "held_24h_seconds",
        sa.Integer(),
        "Seconds of the trailing 24 hours for which a reading held.",
        unit="seconds",
        minimum=0,
        maximum=86_400,
    ),
    column("formula_version", sa.SmallInteger(), "Version of the formula that gave them.", minimum=1),
    recorded_at(),
    schema="market",
)

velocity_revisions: Final = revisions_of(velocity)
