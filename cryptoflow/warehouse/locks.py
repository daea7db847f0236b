"""One piece of work of a kind at a time, across all processes and hosts: a lock that dies with whoever holds it.

What does not belong here: locks within a transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from cryptoflow.errors import TransientError
from cryptoflow.warehouse.pool import Connection, broken_off


class DatasetBusy(TransientError):
    """Another process collects the dataset right now."""


class WorkBusy(TransientError):
    """Another process does that work right now."""


@contextmanager
def dataset_lock(database_url: str, dataset: str, *, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold the dataset for the block, on a connection of its own; refuse when another process holds it that long."""
    with _connected(database_url, dataset) as connection:
        if not (_wait(connection, dataset, wait_seconds) if wait_seconds else _take(connection, dataset)):
            raise DatasetBusy(
                f"{dataset} is being collected by another process.",
                cure="Wait for it; its row in ops.collection_status says 'running'.",
            )
        yield


@contextmanager
def work_lock(database_url: str, work: str) -> Iterator[None]:
    """Hold a kind of work, named as one says it is going on, for the block; refuse when another process does it."""
    with _connected(database_url, work) as connection:
        if not _take(connection, work):
            raise WorkBusy(f"Another process is {work} right now.", cure="Wait for it, then try again.")
        yield


def _take(connection: Connection, dataset: str) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (dataset,)).fetchone()
    return row is not None and bool(row[0])


def _wait(connection: Connection, dataset: str, seconds: float) -> bool:
    connection.execute("SELECT set_config('lock_timeout', %s, false)", (f"{round(seconds * 1000)}ms",))
    try:
        connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (dataset,))
    except psycopg.errors.LockNotAvailable:
        return False
    connection.execute("RESET lock_timeout")
    return True


def _connected(database_url: str, dataset: str) -> Connection:
    try:
        return psycopg.connect(database_url, autocommit=True, application_name=f"cryptoflow lock {dataset}")
    except psycopg.OperationalError as error:
        raise broken_off(error) from error
