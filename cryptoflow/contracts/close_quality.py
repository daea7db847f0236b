"""Contract of the quality of closes: how far each minute's close can be relied on, with the terms of the score."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from cryptoflow.cadence import Grain
from cryptoflow.contracts.columns import asset_key, recorded_at
from cryptoflow.contracts.contract import Contract, Retention, column, revisions_of, table

TIERS: Final = ("High", "Medium", "Low")


def _term(name: str, comment: str) -> sa.Column[Any]:
    return column(name, sa.Numeric(), comment, unit="ratio", minimum=0, maximum=1, nullable=True)


close_quality: Final = table(
    "close_quality",
    Contract(
        description="How far the close of each asset in each minute can be relied on: a score and its terms.",
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
        "data_quality_score",
        sa.Numeric(),
        "Weighted mean of the terms that are known: completeness 0.35, freshness 0.25, agreement 0.25, integrity 0.15.",
        unit="ratio",
        minimum=0,
        maximum=1,
    ),
    column("tier", sa.Text(), "High from 0.9, Medium from 0.7, else Low.", one_of=TIERS),
    _term("completeness", "Share of the figures that apply to the asset which the close has."),
    _term("freshness", "1 while the figures are no older than a minute at its end, 0 when five minutes."),
    _term("agreement", "How well the sources agree on price, volume, cap and supply; NULL with a single source."),
    _term("integrity", "Share of the rules between the figures that hold."),
    column("unavailable", pg.JSONB(), "Why a term is not known: {term: reason}."),
    column("formula_version", sa.SmallInteger(), "Version of the formula that gave them.", minimum=1),
    recorded_at(),
    schema="market",
)

close_quality_revisions: Final = revisions_of(close_quality)
