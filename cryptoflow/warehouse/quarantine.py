"""What is refused: rows kept whole, with the rule that they broke and the answer that held them; and whole answers.

What does not belong here: the rules themselves, what is decided of it (quarantine_decisions).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.statements import statement
from cryptoflow.warehouse.storable import storable_json


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRow:
    """One row that must not be stored, and why. `payload_sha256` is in hex."""

    dataset: str
    provider: str
    rule: str
    reason: str
    row_text: str
    payload_sha256: str | None = None
    run_id: str | None = None


def quarantine(connection: Connection, rows: Sequence[RefusedRow]) -> None:
    """Keep the rows, in the transaction of the write that refused them."""
    if rows:
        connection.execute(statement("ops/quarantine_rows"), {"rows": storable_json([asdict(row) for row in rows])})


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedAnswer:
    """One whole answer that must not be stored, and why. Its bytes are in raw.payloads."""

    dataset: str
    provider: str
    rule: str
    reason: str
    payload_sha256: bytes
    row_count: int
    slot: datetime
    fetched_at: datetime
    run_id: str | None = None


def quarantine_answers(connection: Connection, answers: Sequence[RefusedAnswer]) -> None:
    """Keep the answers, in the transaction of the write that refused them."""
    with connection.cursor() as cursor:
        cursor.executemany(statement("ops/quarantine_answer"), [asdict(answer) for answer in answers])
