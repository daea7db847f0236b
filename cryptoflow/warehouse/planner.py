"""What PostgreSQL's planner is told where it cannot know: how much of what a transaction itself makes there is.

Of notes, stages and arrays it guesses that there are few rows, and looks each up by itself: with many that is slower by
far, and where two such guesses meet it takes every row with every other.
What does not belong here: statements.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from cryptoflow.warehouse.pool import Connection

# From so many rows on, looking each up by itself is slower.
_MANY: Final = 500


@contextmanager
def joined_at_once(connection: Connection, rows: int) -> Iterator[None]:
    """Statements within join as a whole when there are many rows. An error leaves it to the end of the transaction."""
    if rows < _MANY:
        yield
        return
    connection.execute("SET LOCAL enable_nestloop = off")
    yield
    connection.execute("SET LOCAL enable_nestloop TO DEFAULT")
