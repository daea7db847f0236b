"""Closes and larger candles once more from nothing but their finest rows, by the models that the tests use.

Minute closes follow from samples alone, so this also proves that no close is without a sample and none was made up.
What does not belong here: whether samples and minutes are true (answers, exchanges).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

import psycopg
import sqlalchemy as sa
from psycopg import sql

from cryptoflow.contracts.closes import CLOSES, market_chart_points, market_snapshots
from cryptoflow.warehouse.candles import Candle
from cryptoflow.warehouse.chart_points import ChartPoint
from cryptoflow.warehouse.naming import column_list, table_name
from cryptoflow.warehouse.records import names_of, record_of
from cryptoflow.warehouse.snapshots import Snapshot
from cryptoflow_tests import candles_model, closes_model
from soak.checks.verdict import Verdict, verdict

Record = TypeVar("Record")
Key = TypeVar("Key")
_MINUTE_CANDLES: Final = "candles.minute_candles"


def closes_follow(database_url: str) -> list[Verdict]:
    """A verdict for each grain: its closes are those that follow from the samples."""
    samples = read_records(database_url, market_snapshots, Snapshot)
    points = read_records(database_url, market_chart_points, ChartPoint)
    wanted = closes_model.expected_closes(samples, points)
    held = closes_model.stored_closes(database_url)
    return [
        verdict(
            f"{grain.value} closes are those of their samples",
            differences(held[grain], wanted[grain], table=f"market.{CLOSES[grain].name}"),
            looked_at=len(held[grain]),
            unit="closes",
        )
        for grain in CLOSES
    ]


def candles_follow(database_url: str) -> Verdict:
    """Every larger candle is the one that its minutes fold to."""
    minutes = candles_model.stored_minutes(database_url)
    held = candles_model.stored_coarse(database_url)
    wanted = _folded(minutes)
    return verdict(
        "larger candles are those of their minutes",
        differences(held, wanted, table="candles.coarse_candles"),
        looked_at=len(held),
        unit="candles",
    )


def _folded(minutes: Mapping[tuple[Any, int], candles_model.Values]) -> dict[Any, candles_model.Values]:
    """The model's fold, once with all minutes as confirmed ones; whether they all are is a fold of its own."""
    names = [field.strip() for field in candles_model.FIGURES.split(",")]
    rows = [
        Candle(
            symbol_id=symbol,
            open_time=at,
            close_time=at + candles_model.MINUTE,
            **dict(zip(names, values[:-1], strict=True)),
        )
        for (at, symbol), values in minutes.items()
    ]
    reckoned = {key for key, values in minutes.items() if not values[-1]}
    open_buckets = {
        (interval, at - (at - candles_model.MONDAY) % length, symbol)
        for at, symbol in reckoned
        for interval, length in candles_model.LENGTHS.items()
    }
    return {
        key: (*values[:-3], key not in open_buckets, *values[-2:])
        for key, values in candles_model.expected_coarse(rows).items()
    }


def differences(held: Mapping[Key, object], wanted: Mapping[Key, object], *, table: str) -> Iterable[str]:
    """A sentence for each row that is missing, made up, or says something else."""
    for key in sorted(held.keys() | wanted.keys(), key=str):
        where = f"{table} {', '.join(map(str, key if isinstance(key, tuple) else (key,)))}"
        if key not in held:
            yield f"{where} is missing; it should be {wanted[key]}"
        elif key not in wanted:
            yield f"{where} is made up; it says {held[key]}"
        elif held[key] != wanted[key]:
            yield f"{where} says {held[key]} instead of {wanted[key]}"


def read_records(database_url: str, table: sa.Table, kind: type[Record]) -> list[Record]:
    """Every row of a table as the record that is written into it."""
    statement = sql.SQL("SELECT {} FROM {}").format(column_list(names_of(kind)), table_name(table))
    with psycopg.connect(database_url, options="-c timezone=UTC") as connection:
        return [record_of(kind, row) for row in connection.execute(statement)]
