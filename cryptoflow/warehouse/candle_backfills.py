"""The ledger of history: every file and span that candles were or are to be fetched by, and how that went.

What does not belong here: planning and fetching them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.statements import statement

PartKind = Literal["monthly", "daily", "rest", "file"]
PartState = Literal["pending", "running", "done", "absent", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillPart:
    """One file or span of a symbol's history. `starts` and `ends` are None where only the file knows."""

    part: str
    kind: PartKind
    starts: datetime | None = None
    ends: datetime | None = None
    state: PartState = "pending"
    rows_received: int = 0
    rows_stored: int = 0
    rows_refused: int = 0
    payload_sha256: bytes | None = None
    error: str | None = None


def tell_part(
    connection: Connection, symbol_id: int, interval: str, part: BackfillPart, *, run_id: str | None = None
) -> None:
    """Say how the part stands; in the transaction of its rows, so that neither is there without the other."""
    connection.execute(
        statement("candles/upsert_backfill"),
        {"symbol_id": symbol_id, "interval": interval, "run_id": run_id, **asdict(part)},
    )


def parts_of(connection: Connection, symbol_id: int, interval: str) -> dict[str, BackfillPart]:
    """Every part of the symbol's history that was told of, by its name, oldest first."""
    names = tuple(BackfillPart.__dataclass_fields__)
    rows = connection.execute(statement("candles/select_backfills"), {"symbol_id": symbol_id, "interval": interval})
    found = [BackfillPart(**dict(zip(names, row, strict=True))) for row in rows]
    return {one.part: one for one in found}
