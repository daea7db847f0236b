"""Connections to the warehouse: one bounded pool per process and database.

Opening a connection costs more than most statements, and an unbounded number of them exhausts the server; so every
module asks here. What does not belong here: statements.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool, PoolTimeout

from cryptoflow.errors import TransientError

Connection = psycopg.Connection[TupleRow]
Pool = ConnectionPool[Connection]

_POOLS: Final[dict[str, Pool]] = {}
_LOCK: Final = threading.Lock()
_WAIT_SECONDS: Final = 15.0
# Sessions speak UTC and name themselves, so that pg_stat_activity tells who they are.
_OPTIONS: Final = "-c timezone=UTC -c application_name=cryptoflow"


class DatabaseUnreachable(TransientError):
    """The database does not answer."""


def pool_for(database_url: str, *, size: int = 4) -> Pool:
    """The pool of this process for the database; opened on first use."""
    with _LOCK:
        pool = _POOLS.get(database_url)
        if pool is None or pool.closed:
            pool = ConnectionPool(
                database_url,
                min_size=0,
                max_size=size,
                timeout=_WAIT_SECONDS,
                max_idle=300,
                kwargs={"options": _OPTIONS},
                # A server that restarted leaves dead connections behind; they are found before they are handed out.
                check=ConnectionPool.check_connection,
                open=True,
            )
            _POOLS[database_url] = pool
        return pool


@contextmanager
def transaction(database_url: str, *, size: int = 4) -> Iterator[Connection]:
    """A connection in a transaction: committed at the end of the block, rolled back when it raises."""
    try:
        with pool_for(database_url, size=size).connection() as connection:
            yield connection
    except PoolTimeout as error:
        raise DatabaseUnreachable(
            "The warehouse database did not give a connection in time.",
            cure="See `cryptoflow status`; if the database runs, raise CRYPTOFLOW_DATABASE_POOL_SIZE.",
        ) from error
    except psycopg.OperationalError as error:
        raise broken_off(error) from error


@contextmanager
def snapshot(database_url: str) -> Iterator[Connection]:
    """A transaction in which every statement sees the same instant, whatever others write meanwhile."""
    with transaction(database_url) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield connection


def broken_off(error: psycopg.OperationalError) -> DatabaseUnreachable:
    """The server's own words, as an error of ours: nothing of the transaction was kept."""
    said = error.diag.message_primary or str(error).strip().partition("\n")[0]
    return DatabaseUnreachable(
        f"The warehouse database broke off: {said.rstrip('.')}.",
        cure="Nothing was changed. Try again; see `cryptoflow status` if it stays.",
    )


def close_pools() -> None:
    """Close every pool of this process."""
    with _LOCK:
        for pool in _POOLS.values():
            pool.close()
        _POOLS.clear()
