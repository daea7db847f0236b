"""Reading by hand: one statement, as the role that can only read, in a transaction that cannot write.

What does not belong here: printing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import psycopg

from cryptoflow.errors import UsageError

READER_ROLE: Final = "cryptoflow_reader"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Names of columns, and rows."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]


class QueryRefused(UsageError):
    """The database did not accept the statement."""


def read(database_url: str, query: str) -> Answer:
    """Run one statement and return what it returns."""
    try:
        with psycopg.connect(database_url, options="-c timezone=UTC") as connection:
            connection.read_only = True
            connection.execute(f"SET LOCAL ROLE {READER_ROLE}")
            # After this first query the transaction can no longer be made to write, whatever the statement tries.
            connection.execute("SELECT 1")
            # The binary protocol carries one statement only: a second one cannot hide behind a semicolon.
            cursor = connection.execute(query.encode(), prepare=True)
            names = [column.name for column in cursor.description or ()]
            return Answer(columns=names, rows=cursor.fetchall() if names else [])
    except psycopg.errors.ReadOnlySqlTransaction as error:
        raise QueryRefused(_said(error), cure="This command only reads. Tables are written by their assets.") from None
    except psycopg.errors.InsufficientPrivilege as error:
        raise QueryRefused(
            _said(error), cure=f"The role {READER_ROLE} may only read, and not everything; see docs/tables.md."
        ) from None
    except psycopg.OperationalError as error:
        raise QueryRefused(_said(error), cure="See `cryptoflow status`.") from None
    except psycopg.Error as error:
        raise QueryRefused(_said(error), cure="docs/tables.md names the tables and columns.") from None


def _said(error: psycopg.Error) -> str:
    """What the server said, with the place it points at, in one sentence."""
    diagnostics = error.diag
    text = diagnostics.message_primary or str(error).strip().splitlines()[0]
    place = f" (at character {diagnostics.statement_position})" if diagnostics.statement_position else ""
    hint = f" {diagnostics.message_hint}" if diagnostics.message_hint else ""
    return f"The query was refused: {text}{place}.{hint}"
