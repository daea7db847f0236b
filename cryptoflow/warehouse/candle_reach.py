"""How far the confirmed minutes of pairs reach, forward and back. What does not belong here: holes in between."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.statements import statement


def newest_confirmed(connection: Connection, symbol_ids: Sequence[int], *, since: datetime) -> dict[int, datetime]:
    """Of each pair the newest minute since then that the exchange confirmed; pairs without one are left out."""
    rows = connection.execute(
        statement("candles/select_newest_confirmed"), {"symbol_ids": list(symbol_ids), "starts": since}
    )
    return dict(rows.fetchall())


def symbols_with_candles(connection: Connection, *, starts: datetime, ends: datetime) -> list[int]:
    """The pairs that have minutes in [starts, ends)."""
    rows = connection.execute(statement("candles/select_symbols_with_candles"), {"starts": starts, "ends": ends})
    return [symbol_id for (symbol_id,) in rows]


def days_with_candles(connection: Connection, *, starts: datetime, ends: datetime) -> dict[int, list[datetime]]:
    """Of each pair the days in [starts, ends) that have a minute; pairs without any are left out."""
    rows = connection.execute(statement("candles/select_days_with_candles"), {"starts": starts, "ends": ends})
    return {symbol_id: [day.astimezone(UTC) for day in days] for symbol_id, days in rows}


def first_days(connection: Connection, symbol_ids: Sequence[int]) -> dict[int, datetime]:
    """Of each pair the first day that has a candle; pairs without any are left out."""
    rows = connection.execute(statement("candles/select_first_days"), {"symbol_ids": list(symbol_ids)})
    return dict(rows.fetchall())


def newest_minute_age(connection: Connection, *, now: datetime) -> timedelta | None:
    """How old the newest confirmed minute of all pairs is; None when there was none for a month."""
    given = {"starts": now - timedelta(days=31)}
    row = connection.execute(statement("candles/select_newest_minute"), given).fetchone()
    return now - row[0] if row and row[0] else None
