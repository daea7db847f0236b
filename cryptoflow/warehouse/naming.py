"""How tables and columns of the contracts are named in composed statements: quoted, and with their schema.

What does not belong here: buckets and their tables by grain (buckets).
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from psycopg import sql


def table_name(table: sa.Table) -> sql.Identifier:
    """The table, with its schema."""
    return sql.Identifier(str(table.schema), table.name)


def column_list(names: Iterable[str], *, of: str | None = None) -> sql.Composed:
    """The columns, a comma between them; `of` is the table or alias that each is taken from."""
    return sql.SQL(", ").join(sql.Identifier(of, name) if of else sql.Identifier(name) for name in names)
