"""Where benches work: a temporary folder with a PostgreSQL of its own, as durable as the platform's.

What does not belong here: what is measured.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from cryptoflow.runtime.postgres import EmbeddedPostgres
from cryptoflow.runtime.urls import with_database
from cryptoflow.warehouse.migrations import migrate_up
from cryptoflow.warehouse.pool import close_pools


@dataclass(slots=True)
class Room:
    """Gives warehouses to benches. The server starts with the first of them, and the migrations run once."""

    _stack: ExitStack
    _admin_url: str | None = None
    _template: str | None = None
    _serial: Iterator[int] = field(default_factory=itertools.count)

    @contextmanager
    def warehouse(self) -> Iterator[str]:
        """The URL of a migrated, empty database, dropped at the end."""
        if self._template is None:
            self._template = self._create("template0")
            migrate_up(with_database(self._server_url(), self._template))
        name = self._create(self._template)
        try:
            yield with_database(self._server_url(), name)
        finally:
            close_pools()
            self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _create(self, template: str) -> str:
        name = f"bench_{next(self._serial)}"
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*map(sql.Identifier, (name, template))))
        return name

    def _execute(self, statement: sql.SQL | sql.Composed) -> None:
        with psycopg.connect(self._server_url(), autocommit=True) as admin:
            admin.execute(statement)

    def wal_position(self) -> int:
        """How many bytes the server's log has had so far."""
        with psycopg.connect(self._server_url(), autocommit=True) as admin:
            row = admin.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchone()
        assert row is not None
        return int(row[0])

    def checkpoint(self) -> None:
        """Have everything on disk: after this, the first change of a page logs the whole page."""
        self._execute(sql.SQL("CHECKPOINT"))

    def _server_url(self) -> str:
        if self._admin_url is None:
            folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="cryptoflow-bench-"))
            server = self._stack.enter_context(EmbeddedPostgres.running(Path(folder), profile="durable"))
            self._admin_url = server.url("postgres")
        return self._admin_url


@contextmanager
def open_room() -> Iterator[Room]:
    """A room for the duration; nothing of it stays."""
    with ExitStack() as stack:
        yield Room(stack)
