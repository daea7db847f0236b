"""What tables hold, for tests that compare two states of them: exact and in a fixed order.

Numbers are compared by their value: 1.0 and 1.00 are one, and which of the two is stored may hang on who came first.
What does not belong here: which tables, and what of them does not count (the models).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from decimal import Context, Decimal
from functools import partial
from typing import Any

import psycopg
from psycopg.types.json import set_json_loads

Row = dict[str, Any]
_EXACT = Context(prec=1000)


def held_rows(database_url: str, tables: Iterable[str], *, without: Sequence[str]) -> dict[str, list[Row]]:
    """The rows of each table, without the columns that do not count."""
    query = "SELECT to_jsonb(x) - %s::text[] AS told FROM {} AS x ORDER BY told"
    with psycopg.connect(database_url, options="-c timezone=UTC") as connection:
        set_json_loads(partial(json.loads, parse_float=_number, parse_int=_number), connection)
        return {
            name: [told for (told,) in connection.execute(query.format(name).encode(), [list(without)])]
            for name in tables
        }


def _number(text: str) -> Decimal:
    return Decimal(text).normalize(_EXACT)
