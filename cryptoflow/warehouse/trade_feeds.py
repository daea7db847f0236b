"""How the live feeds stand, and when they were out: written by the collector, read by whoever asks.

What does not belong here: trades (ticks), deciding how a feed stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.records import record_of
from cryptoflow.warehouse.statements import statement
from cryptoflow.warehouse.storable import storable_json

FeedState = Literal["live", "catching_up", "down"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedStanding:
    """A row of candles.trade_feeds, as the collector says it."""

    symbol_id: int
    state: FeedState
    state_since: datetime
    reason: str | None
    first_trade_id: int | None
    next_trade_id: int | None
    whole_from: datetime | None
    whole_until: datetime | None
    lag_ms: int | None
    waiting: int
    trades_stored: int
    trades_refilled: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageBegun:
    """A feed is out; `starts` is the exchange's time of its last whole trade."""

    symbol_id: int
    starts: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageEnded:
    """A feed is back; up to `ends` it was out."""

    symbol_id: int
    ends: datetime
    is_refilled: bool


def read_feeds(connection: Connection, symbol_ids: Sequence[int]) -> dict[int, FeedStanding]:
    """How the feeds of the symbols stood when that was last said."""
    names = tuple(FeedStanding.__dataclass_fields__)
    rows = connection.execute(statement("candles/select_feeds"), {"symbol_ids": list(symbol_ids)})
    found = [FeedStanding(**dict(zip(names, row, strict=True))) for row in rows]
    return {one.symbol_id: one for one in found}


def write_feeds(connection: Connection, standings: Sequence[FeedStanding]) -> None:
    """Say how feeds stand now."""
    if standings:
        connection.execute(statement("candles/upsert_feeds"), {"rows": _rows(standings)})


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSummary:
    """All feeds together. Times are the exchanges', but for `beat_at`."""

    feeds: int
    live: int
    beat_at: datetime | None
    whole_until: datetime | None
    newest: datetime | None
    lag_ms: int | None
    trades_stored: int


def summarise_feeds(connection: Connection) -> FeedSummary:
    """How the live feeds stand as a whole."""
    row = connection.execute(statement("candles/select_feed_summary")).fetchone()
    assert row is not None
    return record_of(FeedSummary, row)


def open_outages(connection: Connection, begun: Sequence[OutageBegun]) -> None:
    """Write down that feeds are out; one that is known to be out stays as it is."""
    if begun:
        connection.execute(statement("candles/open_outages"), {"rows": _rows(begun)})


def close_outages(connection: Connection, ended: Sequence[OutageEnded]) -> None:
    """Write down that feeds are back."""
    if ended:
        connection.execute(statement("candles/close_outages"), {"rows": _rows(ended)})


def _rows(records: Sequence[FeedStanding | OutageBegun | OutageEnded]) -> object:
    return storable_json(
        [
            {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(one).items()}
            for one in records
        ]
    )
