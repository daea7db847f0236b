"""What PostgreSQL's planner is told where it cannot know: how much of what a transaction itself makes there is.

Of notes, stages, arrays, and tables that were filled just now, it guesses that there are few rows, and looks each up by
itself, or merges by a part of the key: with many that is slower by far, and where two such guesses meet it takes every
row with every other.
What does not belong here: statements.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from cryptoflow.warehouse.pool import Connection

# From so many rows on, looking each up by itself is slower.
_MANY: Final = 500
_OTHERS: Final = ("enable_nestloop", "enable_mergejoin")
_HASHING_ALONE: Final = "; ".join(f"SET LOCAL {name} = off" for name in _OTHERS)
_AS_USUAL: Final = "; ".join(f"SET LOCAL {name} TO DEFAULT" for name in _OTHERS)


@contextmanager
def joined_at_once(connection: Connection, rows: int) -> Iterator[None]:
    """Statements within join by hashing when there are many rows, which does well whatever was guessed.

    After an error it stays so until the transaction ends.
    """
    if rows < _MANY:
        yield
        return
    connection.execute(_HASHING_ALONE)
    yield
    connection.execute(_AS_USUAL)
