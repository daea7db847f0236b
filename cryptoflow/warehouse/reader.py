"""Reading by hand: one statement, as the role that can only read, in a transaction that cannot write.

What does not belong here: printing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Final

import psycopg
from psycopg import pq
from psycopg.rows import TupleRow
from psycopg.types.json import set_json_loads

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
            set_json_loads(partial(json.loads, parse_float=Decimal), connection)
            _require_rows(connection, query)
            # The binary protocol carries one statement only: a second one cannot hide behind a semicolon.
            cursor = connection.execute(query.encode(), prepare=True)
            return Answer(columns=[column.name for column in cursor.description or ()], rows=cursor.fetchall())
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


def _require_rows(connection: psycopg.Connection[TupleRow], query: str) -> None:
    """Refuse, before it runs, what returns no rows: DO and SET could leave the role, COPY could start a program."""
    server = connection.pgconn
    for result in (server.prepare(b"", query.encode()), server.describe_prepared(b"")):
        if result.status != pq.ExecStatus.COMMAND_OK:
            raise psycopg.errors.error_from_result(result, connection.info.encoding)
    if result.nfields == 0:
        raise QueryRefused(
            "The query was refused: it is no statement that reads rows.",
            cure="This command only reads: ask with SELECT, VALUES, TABLE, SHOW or EXPLAIN.",
        )


def _said(error: psycopg.Error) -> str:
    """What the server said, with the place it points at, in one sentence."""
    diagnostics = error.diag
    text = diagnostics.message_primary or str(error).strip().splitlines()[0]
    place = f" (at character {diagnostics.statement_position})" if diagnostics.statement_position else ""
    hint = f" {diagnostics.message_hint}" if diagnostics.message_hint else ""
    return f"The query was refused: {text}{place}.{hint}"
