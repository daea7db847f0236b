"""Contracts of the live feeds of trades: how far each symbol's trades are whole, and when a feed was out.

What does not belong here: the trades (candles), what is known of missing minutes (candle_records).
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from cryptoflow.contracts.contract import FOR_EVER, Contract, column, table

FEED_STATES: Final = ("live", "catching_up", "down")


def _symbol_id() -> sa.Column[Any]:
    return column(
        "symbol_id",
        sa.Integer(),
        "The symbol, as in candles.symbols.",
        sa.ForeignKey("candles.symbols.symbol_id"),
        primary_key=True,
    )


trade_feeds: Final = table(
    "trade_feeds",
    Contract(
        description="The live feed of each followed symbol: how it stands, and how far its trades are whole.",
        one_row_per="symbol that is or was followed",
        clock="beat_at",
        cadence=None,
        retention=FOR_EVER,
        owner="market-data",
    ),
    _symbol_id(),
    column(
        "state",
        sa.Text(),
        "live: trades are told as they happen; catching_up: connected, missed ones are being fetched; down: neither.",
        one_of=FEED_STATES,
    ),
    column("state_since", sa.DateTime(timezone=True), "Since when."),
    column("reason", sa.Text(), "Why it is down, in words.", nullable=True),
    column("first_trade_id", sa.BigInteger(), "Number of the first trade of the unbroken run.", nullable=True),
    column(
        "next_trade_id",
        sa.BigInteger(),
        "First number that is not there yet: from first_trade_id up to it none is missing.",
        nullable=True,
    ),
    column("whole_from", sa.DateTime(timezone=True), "Exchange's time of the first trade of the run.", nullable=True),
    column("whole_until", sa.DateTime(timezone=True), "Exchange's time of its last trade.", nullable=True),
    column("lag_ms", sa.BigInteger(), "Age of the newest trade when it was stored.", unit="ms", nullable=True),
    column("waiting", sa.Integer(), "Messages of its exchange that wait to be stored.", minimum=0, server_default="0"),
    column("trades_stored", sa.BigInteger(), "Trades stored so far.", minimum=0, server_default="0"),
    column("trades_refilled", sa.BigInteger(), "Those of them fetched by number.", minimum=0, server_default="0"),
    column("beat_at", sa.DateTime(timezone=True), "When the collector last said so."),
    schema="candles",
)

feed_outages: Final = table(
    "feed_outages",
    Contract(
        description="When the live feed of a symbol was out, why, and whether its missed trades are there by now.",
        one_row_per="symbol and outage",
        clock="starts",
        cadence=None,
        retention=FOR_EVER,
        owner="market-data",
    ),
    _symbol_id(),
    column(
        "starts",
        sa.DateTime(timezone=True),
        "From when on nothing is known to be whole: the exchange's time of the last trade before.",
        primary_key=True,
    ),
    column("ends", sa.DateTime(timezone=True), "Up to when missed trades were fetched; NULL: it lasts.", nullable=True),
    column("reason", sa.Text(), "Why it was out, in words."),
    column("is_refilled", sa.Boolean(), "Whether every missed trade is there.", server_default=sa.false()),
    column("noticed_at", sa.DateTime(timezone=True), "When it was noticed.", server_default=sa.func.now()),
    schema="candles",
)
