"""Contracts of the market spine: samples as the providers gave them, and closes from the minute to the month.

Fact tables carry no foreign keys: assets are never deleted, the writer maps keys to ids in the same transaction, and a
check proves that no id is unknown; a lookup per row would cost more than the insert itself.

The coarse closes are one shape, made by a factory over the grains: a grain differs from the next only in its row of
`cadence.CADENCES` and in how long it is kept.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import sqlalchemy as sa

from cryptoflow.cadence import CADENCES, Grain
from cryptoflow.contracts.columns import asset_key, recorded_at
from cryptoflow.contracts.contract import FOR_EVER, Contract, Retention, column, revisions_of, table

USD: Final = "usd"
COINS: Final = "coins"


def _cap_and_volume() -> list[sa.Column[Any]]:
    """What even a chart says of an asset beside its price; new columns at each call."""
    return [
        column("market_cap_usd", sa.Numeric(), "Price times circulating supply.", unit=USD, minimum=0, nullable=True),
        column(
            "volume_24h_usd",
            sa.Numeric(),
            "Volume of the trailing 24 hours: a rolling figure that is never summed.",
            unit=USD,
            minimum=0,
            nullable=True,
        ),
    ]


def _figures() -> list[sa.Column[Any]]:
    """What an aggregator says of an asset beside its price; new columns at each call."""
    return [
        *_cap_and_volume(),
        column("circulating_supply", sa.Numeric(), "Coins in circulation.", unit=COINS, minimum=0, nullable=True),
        column("total_supply", sa.Numeric(), "Coins in existence.", unit=COINS, minimum=0, nullable=True),
        column("max_supply", sa.Numeric(), "Coins that can ever exist.", unit=COINS, minimum=0, nullable=True),
        column("market_cap_rank", sa.Integer(), "Rank by market cap.", unit="rank", minimum=1, nullable=True),
    ]


market_snapshots: Final = table(
    "market_snapshots",
    Contract(
        description="Every provider's figures of every asset, each sample once, as the provider gave it.",
        one_row_per="provider, asset and instant of observation",
        clock="observed_at",
        cadence=Grain.MINUTE,
        retention=Retention(days=7, archive=True),
        owner="market-data",
        partition="day",
    ),
    column("observed_at", sa.DateTime(timezone=True), "The provider's own time of the figures.", primary_key=True),
    column("provider", sa.Text(), "Who said so.", primary_key=True),
    asset_key(),
    column("slot", sa.DateTime(timezone=True), "The minute that the collection was due for."),
    column("fetched_at", sa.DateTime(timezone=True), "When the answer was received."),
    column("price_usd", sa.Numeric(), "Price of one coin.", unit=USD, above=0),
    *_figures(),
    column(
        "fully_diluted_valuation_usd",
        sa.Numeric(),
        "Price times the supply that can ever exist.",
        unit=USD,
        minimum=0,
        nullable=True,
    ),
    column("price_change_1h_percent", sa.Numeric(), "Change over one hour.", unit="%", nullable=True),
    column("price_change_24h_percent", sa.Numeric(), "Change over 24 hours.", unit="%", nullable=True),
    column("price_change_7d_percent", sa.Numeric(), "Change over 7 days.", unit="%", nullable=True),
    column("payload_sha256", sa.LargeBinary(), "Hash of the answer that held it."),
    column("run_id", sa.Text(), "Dagster run that collected it, when one did.", nullable=True),
    recorded_at(),
    schema="raw",
)

market_chart_points: Final = table(
    "market_chart_points",
    Contract(
        description="Points of the providers' market charts: what they say, afterwards, of an instant in the past.",
        one_row_per="provider, asset and instant of a chart",
        clock="observed_at",
        # What is missing is looked for every quarter of an hour; an hour without that is late.
        cadence=Grain.HOUR,
        retention=Retention(days=7, archive=True),
        owner="market-data",
        partition="day",
    ),
    column("observed_at", sa.DateTime(timezone=True), "The provider's own time of the point.", primary_key=True),
    column("provider", sa.Text(), "Whose chart it is.", primary_key=True),
    asset_key(),
    column("price_usd", sa.Numeric(), "Price of one coin.", unit=USD, above=0),
    *_cap_and_volume(),
    column("fetched_at", sa.DateTime(timezone=True), "When the answer was received."),
    column("payload_sha256", sa.LargeBinary(), "Hash of the answer that held it."),
    column("run_id", sa.Text(), "Dagster run that collected it, when one did.", nullable=True),
    recorded_at(),
    schema="raw",
)

minute_close: Final = table(
    "minute_close",
    Contract(
        description="The last figures of each asset observed in each minute, over all providers.",
        one_row_per="asset and minute with at least one observation",
        clock="bucket",
        cadence=Grain.MINUTE,
        retention=Retention(days=7, archive=True),
        owner="market-data",
        partition="day",
    ),
    column("bucket", sa.DateTime(timezone=True), "Start of the minute.", primary_key=True),
    asset_key(),
    column("price_usd", sa.Numeric(), "Price at the close.", unit=USD, above=0),
    *_figures(),
    column("provider", sa.Text(), "Whose figures they are; with three or more sources the price alone is the median."),
    column("sources", sa.SmallInteger(), "Providers with an observation in the minute.", minimum=1),
    column("dispersion", sa.Numeric(), "(highest - lowest price) / median over the sources.", unit="ratio", minimum=0),
    column("observed_at", sa.DateTime(timezone=True), "The provider's own time of the figures."),
    column("formula_version", sa.SmallInteger(), "Version of the rule that chose them.", minimum=1),
    recorded_at(),
    schema="market",
)


def _coarse_close(
    name: str, grain: Grain, *, retention: Retention, partition: Literal["month", "year"] | None
) -> sa.Table:
    finer = CADENCES[grain].built_from
    return table(
        name,
        Contract(
            description=f"First, highest, lowest and last figures of each asset in each {grain}, from {finer} closes.",
            one_row_per=f"asset and {grain} with at least one {finer} close",
            clock="bucket",
            cadence=grain,
            retention=retention,
            owner="market-data",
            partition=partition,
            # Ticks move an open bucket on every minute. Of hours there are too many to leave every page half empty.
            room_for_updates=grain is not Grain.HOUR,
        ),
        column("bucket", sa.DateTime(timezone=True), f"Start of the {grain}.", primary_key=True),
        asset_key(),
        column("open_usd", sa.Numeric(), "First price.", unit=USD, above=0),
        column("high_usd", sa.Numeric(), "Highest price.", unit=USD, above=0),
        column("low_usd", sa.Numeric(), "Lowest price.", unit=USD, above=0),
        column("price_usd", sa.Numeric(), "Last price: the close.", unit=USD, above=0),
        *_figures(),
        column("samples", sa.Integer(), f"{finer} closes that it is built from.".capitalize(), minimum=1),
        column("expected_samples", sa.Integer(), f"{finer} closes of a whole {grain}.".capitalize(), minimum=1),
        column(
            "coverage",
            sa.Numeric(),
            "Share of the expected samples that are there.",
            sa.Computed("round(samples::numeric / expected_samples, 6)", persisted=True),
            unit="ratio",
            nullable=True,
        ),
        column("first_at", sa.DateTime(timezone=True), "Start of the first minute with a close."),
        column("last_at", sa.DateTime(timezone=True), "Start of the last minute with a close."),
        column("formula_version", sa.SmallInteger(), "Version of the rule that built it.", minimum=1),
        recorded_at(),
        schema="market",
    )


hourly_close: Final = _coarse_close("hourly_close", Grain.HOUR, retention=FOR_EVER, partition="month")
daily_close: Final = _coarse_close("daily_close", Grain.DAY, retention=FOR_EVER, partition="year")
weekly_close: Final = _coarse_close("weekly_close", Grain.WEEK, retention=FOR_EVER, partition=None)
monthly_close: Final = _coarse_close("monthly_close", Grain.MONTH, retention=FOR_EVER, partition=None)

CLOSES: Final[dict[Grain, sa.Table]] = {
    Grain.MINUTE: minute_close,
    Grain.HOUR: hourly_close,
    Grain.DAY: daily_close,
    Grain.WEEK: weekly_close,
    Grain.MONTH: monthly_close,
}

# What minutes are closed from.
SAMPLES: Final = (market_snapshots, market_chart_points)

REVISIONS: Final[dict[str, sa.Table]] = {facts.name: revisions_of(facts) for facts in (*SAMPLES, *CLOSES.values())}
