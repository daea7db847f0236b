"""Dagster's storage in PostgreSQL over connections that are kept: `storage` of dagster.yaml names it.

Dagster's own opens a connection for every question, some thirty a second, and for each of them PostgreSQL starts a
process and proves a password. Here all storages of a process share one pool, whatever number of instances it makes.
What does not belong here: what is stored, which is Dagster's.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.utils import pg_url_from_config

if TYPE_CHECKING:
    from dagster._core.storage.config import PostgresStorageConfig
    from dagster._serdes import ConfigurableClassData

# What one process keeps. The threads of the daemon may need more for a moment; what is above is closed again.
KEPT: Final = 4
MORE_FOR_A_MOMENT: Final = 16
# The databases in which this process has looked for Dagster's tables; each instance would look again.
_TABLES_ARE_THERE: Final[set[str]] = set()


class PooledPostgresStorage(DagsterPostgresStorage):  # type: ignore[misc]
    """DagsterPostgresStorage on the pool of the process."""

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        is_new_here = postgres_url not in _TABLES_ARE_THERE
        super().__init__(postgres_url, should_autocreate_tables and is_new_here, inst_data)
        _TABLES_ARE_THERE.add(postgres_url)
        for storage in (self._run_storage, self._event_log_storage, self._schedule_storage):
            storage._engine = pooled_engine(postgres_url)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: PostgresStorageConfig
    ) -> PooledPostgresStorage:
        """As Dagster's own does, for this class."""
        return cls(pg_url_from_config(config_value), config_value.get("should_autocreate_tables", True), inst_data)


@cache
def pooled_engine(url: str) -> sa.Engine:
    """The pool of this process. A connection that died with its server is noticed before it is used."""
    engine = sa.create_engine(
        url, isolation_level="AUTOCOMMIT", pool_size=KEPT, max_overflow=MORE_FOR_A_MOMENT, pool_pre_ping=True
    )
    # A child that is forked must not speak on its parent's connections, nor close them.
    os.register_at_fork(after_in_child=lambda: engine.dispose(close=False))
    return engine
