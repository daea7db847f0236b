"""Every SQL file is accepted by the database as it is: tables, columns, types and parameters are there."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest

from cryptoflow.resources import resource_path

SQL = resource_path("sql")
STATEMENTS = sorted(
    str(path.relative_to(SQL).with_suffix(""))
    for path in SQL.glob("*/*.sql")
    # Dagster's tables are in a database of their own, which Dagster makes; the test of pruning runs these.
    if path.parent.name not in {"migrations", "dagster"}
)


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_can_be_prepared(database_url: str, name: str) -> None:
    text = Path(SQL / f"{name}.sql").read_text()
    order: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        return f"${order.setdefault(match[1], len(order) + 1)}"

    numbered = re.sub(r"%\((\w+)\)s", number, text)
    with psycopg.connect(database_url) as connection:
        result = connection.pgconn.prepare(b"", numbered.encode())
        assert result.status == psycopg.pq.ExecStatus.COMMAND_OK, result.error_message.decode()
