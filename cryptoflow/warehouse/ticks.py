"""Trades into the warehouse, each once; minutes reckoned from them; hours that are past their retention go.

What does not belong here: which trades are missing, asking an exchange.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Final

from psycopg import sql

from cryptoflow.contracts import contract_of
from cryptoflow.contracts.candles import FIGURES, price_ticks
from cryptoflow.warehouse.candles import Candle
from cryptoflow.warehouse.merge import written_columns
from cryptoflow.warehouse.naming import column_list, table_name
from cryptoflow.warehouse.partitions import ensure_partitions, partitions_of
from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.staging import refuse_staged, stage_of, stage_rows
from cryptoflow.warehouse.statements import statement
from cryptoflow.warehouse.storable import storable_json

_EXCHANGE: Final = "(SELECT exchange FROM candles.symbols WHERE symbols.symbol_id = stage.symbol_id)"
_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One trade of one symbol, by the exchange's number."""

    traded_at: datetime
    symbol_id: int
    trade_id: int
    price: Decimal
    quantity: Decimal
    is_buyer_maker: bool | None
    fills: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """How far the unbroken trades of a symbol moved: the numbers [from_id, until_id), none of them before `since`."""

    symbol_id: int
    from_id: int
    until_id: int
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReckonedMinute:
    """A minute as its trades so far make it, and the time of the last of them."""

    candle: Candle
    last_traded_at: datetime


def store_ticks(connection: Connection, ticks: Iterable[Tick]) -> int:
    """Store trades, in the caller's transaction; those that are there change nothing. Returns how many are new."""
    rows = ((t.traded_at, t.symbol_id, t.trade_id, t.price, t.quantity, t.is_buyer_maker, t.fills) for t in ticks)
    if not stage_rows(connection, price_ticks, rows):
        return 0
    refuse_staged(connection, price_ticks, provider=_EXCHANGE)
    hours = connection.execute(
        sql.SQL("SELECT DISTINCT date_trunc('hour', traded_at, 'UTC') FROM {}").format(stage_of(price_ticks))
    )
    ensure_partitions(connection, price_ticks, {hour for (hour,) in hours})
    return connection.execute(_insert_statement()).rowcount


@cache
def _insert_statement() -> sql.Composed:
    names = column_list(written_columns(price_ticks))
    return sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} ON CONFLICT DO NOTHING").format(
        table_name(price_ticks), names, names, stage_of(price_ticks)
    )


def reckon_minutes(connection: Connection, advances: Sequence[Advance]) -> list[ReckonedMinute]:
    """The minutes into which trades of the advances fall, from all their trades before `until_id`."""
    if not advances:
        return []
    rows = [asdict(one) | {"since": one.since.isoformat()} for one in advances]
    found = connection.execute(
        statement("candles/select_reckoned_minutes"),
        {"rows": storable_json(rows), "starts": min(one.since for one in advances).replace(second=0, microsecond=0)},
    )
    return [
        ReckonedMinute(
            candle=Candle(
                symbol_id=symbol_id,
                open_time=open_time,
                close_time=open_time + _MINUTE,
                **dict(zip(FIGURES, figures, strict=True)),
            ),
            last_traded_at=last_traded_at,
        )
        for symbol_id, open_time, last_traded_at, *figures in found
    ]


def drop_old_ticks(connection: Connection, *, now: datetime) -> list[str]:
    """Let go of the hours of trades that are past their retention; returns their partitions."""
    days = contract_of(price_ticks).retention.days
    assert days is not None
    kept_from = now - timedelta(days=days)
    gone = [one.name for one in partitions_of(connection, [price_ticks]) if one.ends <= kept_from]
    for partition in gone:
        connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(*partition.split("."))))
    return gone
