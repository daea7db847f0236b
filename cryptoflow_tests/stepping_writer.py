"""A process that replays an answer and stops after every statement until it is told to go on, or is killed there.

It is forked from a server that has imported everything, so that a hundred of them cost little more than one.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

import psycopg

from cryptoflow.collect.replay import replay_snapshots

PATIENCE_SECONDS = 60.0
Step = Callable[[], None]


def context() -> ForkServerContext:
    """Where such processes come from."""
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload([__name__])
    return made


class SteppingWriter:
    """The process, seen from outside."""

    def __init__(self, server: ForkServerContext, database_url: str, file: Path, fetched_at: datetime) -> None:
        self._ours, theirs = server.Pipe()
        self._process: ForkServerProcess = server.Process(
            target=_run, args=(database_url, str(file), fetched_at, theirs), daemon=True
        )
        self._process.start()
        theirs.close()

    def stopped(self) -> bool:
        """Wait until it stands after its next statement; no when it has come to its end."""
        assert self._ours.poll(PATIENCE_SECONDS), "the writer neither came to a statement nor to its end"
        said = self._ours.recv()
        assert said in ("statement", "end"), said
        return bool(said == "statement")

    def go_on(self) -> None:
        """Let it do its next statement."""
        self._ours.send(None)

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self.join()

    def join(self) -> None:
        """Wait for its end."""
        self._process.join(PATIENCE_SECONDS)
        assert not self._process.is_alive()


def _run(database_url: str, file: str, fetched_at: datetime, outside: Connection) -> None:
    def step() -> None:
        outside.send("statement")
        outside.recv()

    try:
        with _stopping(step):
            replay_snapshots(
                database_url,
                [Path(file)],
                provider="coingecko",
                endpoint="coins/markets",
                fetched_at=fetched_at,
                world="real",
            )
        outside.send("end")
    except BaseException as error:
        outside.send(repr(error))
        raise


@contextmanager
def _stopping(step: Step) -> Iterator[None]:
    """Every statement, copy and commit of this process is followed by a step."""

    def followed(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def call(*arguments: Any, **options: Any) -> Any:
            result = method(*arguments, **options)
            step()
            return result

        return call

    def copying(method: Callable[..., Any]) -> Callable[..., Any]:
        @contextmanager
        def call(*arguments: Any, **options: Any) -> Iterator[Any]:
            with method(*arguments, **options) as stream:
                yield stream
            step()

        return call

    changed: list[tuple[Any, str, Callable[[Callable[..., Any]], Callable[..., Any]]]] = [
        (psycopg.Cursor, "execute", followed),
        (psycopg.Cursor, "copy", copying),
        (psycopg.Connection, "commit", followed),
    ]
    before = [getattr(kind, name) for kind, name, _ in changed]
    for kind, name, change in changed:
        setattr(kind, name, change(getattr(kind, name)))
    try:
        yield
    finally:
        for (kind, name, _), method in zip(changed, before, strict=True):
            setattr(kind, name, method)
