"""How far the confirmed minutes of pairs reach, forward and back. What does not belong here: holes in between."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.statements import statement


def newest_confirmed(connection: Connection, symbol_ids: Sequence[int], *, since: datetime) -> dict[int, datetime]:
    """Of each pair the newest minute since then that the exchange confirmed; pairs without one are left out."""
    rows = connection.execute(
        statement("candles/select_newest_confirmed"), {"symbol_ids": list(symbol_ids), "starts": since}
    )
    return dict(rows.fetchall())


def first_days(connection: Connection, symbol_ids: Sequence[int]) -> dict[int, datetime]:
    """Of each pair the first day that has a candle; pairs without any are left out."""
    rows = connection.execute(statement("candles/select_first_days"), {"symbol_ids": list(symbol_ids)})
    return dict(rows.fetchall())
