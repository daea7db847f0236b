"""Which world a warehouse is filled from: the real markets or the simulated ones. It is said once and never changes.

Simulated prices among real ones could never be told apart again, so a warehouse that was begun in one world refuses the
other. The mark is a setting of the database itself: it goes wherever the data go.
"""

from __future__ import annotations

from typing import Literal

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from cryptoflow.errors import PermanentError, UsageError
from cryptoflow.warehouse.pool import broken_off

World = Literal["real", "simulated"]
_MARK = "cryptoflow.world"


def settle_world(database_url: str, world: World) -> None:
    """Mark a fresh warehouse, or refuse one that was begun in the other world."""
    try:
        with psycopg.connect(database_url, autocommit=True) as connection:
            row = connection.execute("SELECT current_database(), current_setting(%s, true)", (_MARK,)).fetchone()
            assert row is not None
            name, begun = row
            if not begun:
                _mark(connection, name, world)
    except psycopg.OperationalError as error:
        raise broken_off(error) from error
    if begun and begun != world:
        raise UsageError(
            f"The warehouse {name!r} was begun with {begun} markets; {world} ones must not be mixed into it.",
            cure="Use another home (--home) or database for the other world"
            + ("; `cryptoflow up --demo` goes on with the simulated one." if begun == "simulated" else "."),
        )


def _mark(connection: psycopg.Connection[TupleRow], name: str, world: World) -> None:
    mark = sql.SQL("ALTER DATABASE {} SET {} = {}").format(sql.Identifier(name), sql.SQL(_MARK), sql.Literal(world))
    try:
        connection.execute(mark)
    except psycopg.errors.InsufficientPrivilege:
        user = connection.info.user
        raise PermanentError(
            f"The user {user} may not mark the database {name!r} as filled from {world} markets.",
            cure=f'Let an administrator run: ALTER DATABASE "{name}" OWNER TO "{user}";',
        ) from None
