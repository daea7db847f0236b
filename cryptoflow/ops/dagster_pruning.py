"""Pruning of Dagster's own record: runs that are past their time, with their events, checks and tags, and stray ticks.

Dagster keeps everything for ever, and a minute job writes tens of gigabytes a year. What the UI still tells from stays:
the newest run of each job and asset, the newest event of each kind per asset and partition, every materialization of a
partition, the newest execution of each check. It is plain SQL on Dagster's database, in short transactions; asking
Dagster itself takes minutes and leaves orphans.
What does not belong here: looking at sizes (event_log), our own tables (warehouse).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptoflow.warehouse.pool import Connection, transaction
from cryptoflow.warehouse.statements import statement

RUNS_PER_BATCH: Final = 100
ROWS_PER_BATCH: Final = 5_000
# Longer than any tick is kept by dagster.yaml.
TICK_DAYS: Final = 31
_NO_RUN: Final = [""]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What went. `complete` is False when time ran out before all that is past its time was gone."""

    runs: int
    events: int
    checks: int
    ticks: int
    complete: bool


def prune(
    dagster_database_url: str,
    *,
    now: datetime,
    keep: timedelta,
    keep_failed: timedelta,
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
) -> Pruned:
    """Prune for at most about `seconds`; what is left goes the next time."""
    deadline = clock() + seconds
    tally = {"runs": 0, "events": 0, "checks": 0, "ticks": 0}
    steps: tuple[Callable[[Connection], dict[str, int]], ...] = (
        lambda connection: _prune_runs(connection, now=now, before=now - keep, failed_before=now - keep_failed),
        lambda connection: _prune_runless(connection, before=now - keep),
        lambda connection: _prune_ticks(connection, before=now - timedelta(days=TICK_DAYS)),
    )
    for step in steps:
        while True:
            if clock() >= deadline:
                return Pruned(**tally, complete=False)
            with transaction(dagster_database_url) as connection:
                gone = step(connection)
            for kind, count in gone.items():
                tally[kind] += count
            if not any(gone.values()):
                break
    return Pruned(**tally, complete=True)


def _prune_runs(connection: Connection, *, now: datetime, before: datetime, failed_before: datetime) -> dict[str, int]:
    """One batch of runs, each with all that hangs on it, or none of it."""
    rows = connection.execute(
        statement("dagster/select_prunable_runs"),
        {"before": before, "failed_before": failed_before, "most": RUNS_PER_BATCH},
    ).fetchall()
    runs = [run_id for (run_id,) in rows]
    if not runs:
        return {}
    events = 0
    while gone := _delete_events(connection, runs, before=now):
        events += gone
    checks = connection.execute(statement("dagster/delete_checks"), {"runs": runs, "before": now}).rowcount
    removed = connection.execute(statement("dagster/delete_runs"), {"runs": runs}).rowcount
    return {"runs": removed, "events": events, "checks": checks}


def _prune_runless(connection: Connection, *, before: datetime) -> dict[str, int]:
    """Events and checks that were reported without a run go by their age."""
    events = _delete_events(connection, _NO_RUN, before=before)
    checks = connection.execute(statement("dagster/delete_checks"), {"runs": _NO_RUN, "before": before}).rowcount
    return {"events": events, "checks": checks}


def _prune_ticks(connection: Connection, *, before: datetime) -> dict[str, int]:
    ticks = connection.execute(statement("dagster/delete_ticks"), {"before": before, "most": ROWS_PER_BATCH}).rowcount
    return {"ticks": ticks}


def _delete_events(connection: Connection, runs: list[str], *, before: datetime) -> int:
    row = connection.execute(
        statement("dagster/delete_events"), {"runs": runs, "before": before, "most": ROWS_PER_BATCH}
    ).fetchone()
    assert row is not None
    return int(row[0])
