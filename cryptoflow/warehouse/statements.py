"""The SQL files: one statement per file under `sql/<domain>/<verb_noun>.sql`, read once and cached.

A statement is named `domain/verb_noun`. Its header says purpose, parameters, reads, writes and why it is idempotent.
Parameters are psycopg's named ones: `%(name)s`.
"""

from __future__ import annotations

from functools import cache

from cryptoflow.resources import resource_path


@cache
def statement(name: str) -> bytes:
    """The text of `sql/<name>.sql`."""
    return resource_path(f"sql/{name}.sql").read_bytes()
