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
    """Gives warehouses to benches. The server starts with the first of them."""

    _stack: ExitStack
    _admin_url: str | None = None
    _serial: Iterator[int] = field(default_factory=itertools.count)

    @contextmanager
    def warehouse(self) -> Iterator[str]:
        """The URL of a migrated, empty database, dropped at the end."""
        name = f"bench_{next(self._serial)}"
        admin_url = self._server_url()
        with psycopg.connect(admin_url, autocommit=True) as admin:
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            url = with_database(admin_url, name)
            migrate_up(url)
            yield url
        finally:
            close_pools()
            with psycopg.connect(admin_url, autocommit=True) as admin:
                admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

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
