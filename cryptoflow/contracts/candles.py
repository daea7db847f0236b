"""Contracts of exchange data: symbols, trades, candles of a minute and of every larger interval.

Only minutes come from outside. Every larger candle is built from them, so that what stands in it follows from the
minutes alone; what an exchange itself says of larger intervals is compared (candle_records), never stored as a candle.

Fact tables carry no foreign keys, for the reason given in closes. What does not belong here: what is known of missing
minutes, files and comparisons (candle_records).
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from cryptoflow.cadence import CANDLE_INTERVALS, Grain
from cryptoflow.contracts.columns import recorded_at
from cryptoflow.contracts.contract import FOR_EVER, Contract, Retention, column, revisions_of, table

BASE: Final = "base currency"
QUOTE: Final = "quote currency"
SYMBOL_STATES: Final = ("trading", "halted", "closed", "unknown")
# Of two versions of a minute the one from the later of these counts, whichever arrived first.
CANDLE_SOURCES: Final = ("trades", "stream", "rest", "archive")
COARSE_INTERVALS: Final = tuple(name for name, interval in CANDLE_INTERVALS.items() if interval.built_from)
FIGURES: Final = (
    "open",
    "high",
    "low",
    "close",
    "volume",
    "quote_volume",
    "trade_count",
    "taker_base_volume",
    "taker_quote_volume",
)


symbols: Final = table(
    "symbols",
    Contract(
        description="What is traded where: each pair of each exchange, as the exchange lists it.",
        one_row_per="exchange and symbol",
        clock="first_seen_at",
        cadence=Grain.DAY,
        retention=FOR_EVER,
        owner="market-data",
    ),
    column("symbol_id", sa.Integer(), "Surrogate key; never reused.", sa.Identity(always=True), primary_key=True),
    column("exchange", sa.Text(), "The exchange."),
    column("symbol", sa.Text(), "The exchange's own name of the pair. Another exchange's same name is another symbol."),
    column("base", sa.Text(), "What is traded, by the exchange's name for it."),
    column("quote", sa.Text(), "What it is paid in."),
    column("price_step", sa.Numeric(), "Smallest step of a price.", unit=QUOTE, above=0, nullable=True),
    column("quantity_step", sa.Numeric(), "Smallest step of a quantity.", unit=BASE, above=0, nullable=True),
    column("min_quantity", sa.Numeric(), "Smallest quantity of an order.", unit=BASE, minimum=0, nullable=True),
    column("min_notional", sa.Numeric(), "Smallest value of an order.", unit=QUOTE, minimum=0, nullable=True),
    column(
        "status",
        sa.Text(),
        "Whether it trades; halted: listed, but not just now; closed: it has left; unknown: only files told of it.",
        one_of=SYMBOL_STATES,
    ),
    column("listed_at", sa.DateTime(timezone=True), "When trading began, where that is known.", nullable=True),
    column("delisted_at", sa.DateTime(timezone=True), "When the exchange was first seen without it.", nullable=True),
    column(
        "asset_id",
        sa.Integer(),
        "The asset that is traded, where it is known.",
        sa.ForeignKey("market.assets.asset_id"),
        nullable=True,
    ),
    column("first_seen_at", sa.DateTime(timezone=True), "When it was first heard of."),
    column("last_seen_at", sa.DateTime(timezone=True), "When the exchange last listed it.", nullable=True),
    column("updated_at", sa.DateTime(timezone=True), "When the row last changed.", server_default=sa.func.now()),
    sa.UniqueConstraint("exchange", "symbol"),
    sa.Index(None, "asset_id"),
    schema="candles",
)

price_ticks: Final = table(
    "price_ticks",
    Contract(
        description="Every trade of the followed symbols, each once by the exchange's number.",
        one_row_per="symbol and trade",
        clock="traded_at",
        cadence=None,
        retention=Retention(days=1),
        owner="market-data",
        partition="hour",
    ),
    column("traded_at", sa.DateTime(timezone=True), "The exchange's own time of the trade.", primary_key=True),
    column("symbol_id", sa.Integer(), "The symbol, as in candles.symbols.", primary_key=True),
    column("trade_id", sa.BigInteger(), "The exchange's number of the trade within its symbol.", primary_key=True),
    column("price", sa.Numeric(), "Price of one unit.", unit=QUOTE, above=0),
    column("quantity", sa.Numeric(), "How much was traded.", unit=BASE, above=0),
    column("is_buyer_maker", sa.Boolean(), "True: the seller took the buyer's offer.", nullable=True),
    column("fills", sa.Integer(), "Trades that it stands for, where whole orders are numbered.", minimum=1),
    recorded_at(),
    schema="candles",
)


def _figures() -> list[sa.Column[Any]]:
    """What a candle says, whatever its interval. What the source does not tell is NULL."""
    return [
        column("open", sa.Numeric(), "First price.", unit=QUOTE, above=0),
        column("high", sa.Numeric(), "Highest price.", unit=QUOTE, above=0),
        column("low", sa.Numeric(), "Lowest price.", unit=QUOTE, above=0),
        column("close", sa.Numeric(), "Last price.", unit=QUOTE, above=0),
        column("volume", sa.Numeric(), "How much was traded.", unit=BASE, minimum=0),
        column("quote_volume", sa.Numeric(), "What was paid for it.", unit=QUOTE, minimum=0, nullable=True),
        column("trade_count", sa.BigInteger(), "Number of trades.", minimum=0, nullable=True),
        column(
            "taker_base_volume",
            sa.Numeric(),
            "The part of the volume that buyers took.",
            unit=BASE,
            minimum=0,
            nullable=True,
        ),
        column("taker_quote_volume", sa.Numeric(), "What those buyers paid.", unit=QUOTE, minimum=0, nullable=True),
    ]


def _sanity() -> list[sa.CheckConstraint]:
    """What every candle must satisfy as a whole. The names are those of the rules in ops.quarantine."""
    return [
        sa.CheckConstraint("low <= open AND low <= close AND low <= high", name="low_is_lowest"),
        sa.CheckConstraint("high >= open AND high >= close", name="high_is_highest"),
        sa.CheckConstraint("close_time > open_time", name="closes_after_it_opens"),
    ]


minute_candles: Final = table(
    "minute_candles",
    Contract(
        description="What was traded of each symbol in each minute, as the exchange says it.",
        one_row_per="symbol and minute that the exchange tells of; a quiet minute has volume 0",
        clock="open_time",
        cadence=Grain.MINUTE,
        retention=FOR_EVER,
        owner="market-data",
        partition="month",
        believed=(
            f"array_position(ARRAY[{', '.join(map(repr, CANDLE_SOURCES))}], {{row}}.source)",
            "{row}.fetched_at",
            "coalesce({row}.payload_sha256, '')",
            # Two answers of one instant that differ: one of them must count, and always the same one.
            f"concat_ws(' ', {', '.join(f'{{row}}.{name}' for name in FIGURES)})",
        ),
    ),
    column("open_time", sa.DateTime(timezone=True), "Start of the minute.", primary_key=True),
    column("symbol_id", sa.Integer(), "The symbol, as in candles.symbols.", primary_key=True),
    column("close_time", sa.DateTime(timezone=True), "Last millisecond of the minute."),
    *_figures(),
    column("is_final", sa.Boolean(), "False while it is only reckoned from trades and not confirmed by the exchange."),
    column("source", sa.Text(), "Where it comes from, weakest first.", one_of=CANDLE_SOURCES),
    column("fetched_at", sa.DateTime(timezone=True), "When it was received."),
    column("payload_sha256", sa.LargeBinary(), "Hash of the answer or file that held it.", nullable=True),
    column("run_id", sa.Text(), "Dagster run that collected it, when one did.", nullable=True),
    recorded_at(),
    *_sanity(),
    sa.CheckConstraint("is_final = (source <> 'trades')", name="final_when_the_exchange_said_so"),
    schema="candles",
)

coarse_candles: Final = table(
    "coarse_candles",
    Contract(
        description="Candles of the larger intervals, each built from the next finer one.",
        one_row_per="interval, symbol and bucket in which at least one minute is told of",
        clock="open_time",
        cadence=None,
        retention=FOR_EVER,
        owner="market-data",
        partition="month",
    ),
    # The interval leads: within each the newest buckets are together, and a long interval is read without the short.
    column("interval", sa.Text(), "How long it lasts.", one_of=COARSE_INTERVALS, primary_key=True),
    column("open_time", sa.DateTime(timezone=True), "Start of the bucket; weeks start on Monday.", primary_key=True),
    column("symbol_id", sa.Integer(), "The symbol, as in candles.symbols.", primary_key=True),
    column("close_time", sa.DateTime(timezone=True), "Last millisecond of the bucket."),
    *_figures(),
    column("is_final", sa.Boolean(), "Whether every minute in it is confirmed by the exchange."),
    column("samples", sa.Integer(), "Minutes that it is built from.", unit="minutes", minimum=1),
    column("expected_samples", sa.Integer(), "Minutes of a whole bucket.", unit="minutes", minimum=1),
    column(
        "coverage",
        sa.Numeric(),
        "Share of its minutes that are there.",
        sa.Computed("round(samples::numeric / expected_samples, 6)", persisted=True),
        unit="ratio",
        nullable=True,
    ),
    column("formula_version", sa.SmallInteger(), "Version of the rule that built it.", minimum=1),
    recorded_at(),
    *_sanity(),
    schema="candles",
)

CANDLES: Final = (minute_candles, coarse_candles)
CANDLE_REVISIONS: Final[dict[str, sa.Table]] = {facts.name: revisions_of(facts) for facts in CANDLES}
