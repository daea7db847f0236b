"""How large the platform is at an instant: the memory of each part, Dagster's event log, runs and the queue.

Memory is what processes hold of their own: anonymous memory, of which what they share by a fork counts once. The shared
buffers of PostgreSQL are no part of it: they fill up to their setting, whatever is done.
What does not belong here: what is too much (checks.bounds).
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
import psycopg

from cryptoflow.warehouse.statements import statement
from soak.running import AWAY, Soaked
from soak.world import World

_KIBIBYTE: Final = 1024
_MEBIBYTE: Final = 1024**2
_ANONYMOUS: Final = re.compile(r"^Pss_Anon:\s+(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The memory of a part, all its processes together; `pid` tells a restarted one apart."""

    pid: int
    mebibytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured at an instant of ours."""

    at: float
    parts: Mapping[str, Part]
    event_log_bytes: int | None
    """None while its database is away."""
    runs: int | None


def measure(platform: Soaked, world: World) -> Figures:
    """Look at every part, and at the world beside them."""
    try:
        pids = {**platform.parts(), "(simulator)": world.pid}
    except AWAY:
        pids = {"(simulator)": world.pid}
    parts = {name: Part(pid=pid, mebibytes=size) for name, pid in pids.items() if (size := _mebibytes(pid)) is not None}
    log_bytes, runs = _event_log(platform)
    return Figures(at=time.time(), parts=parts, event_log_bytes=log_bytes, runs=runs)


def _mebibytes(pid: int) -> float | None:
    """Of a process and all below it; None when it is gone."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return None
    return sum(map(_held, family)) / _MEBIBYTE


def _held(process: psutil.Process) -> int:
    """Bytes, as the kernel sums them up (Linux)."""
    try:
        text = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        # It has ended since it was listed.
        return 0
    found = _ANONYMOUS.search(text)
    return int(found[1]) * _KIBIBYTE if found else 0


def _event_log(platform: Soaked) -> tuple[int | None, int | None]:
    try:
        # A connection of a pool would die with the next kill of the database.
        url = platform.platform.endpoints["dagster_database_url"]
        with psycopg.connect(url, connect_timeout=3) as connection:
            row = connection.execute(statement("dagster/select_event_log_size")).fetchone()
    except AWAY:
        return None, None
    assert row is not None
    _, event_log_bytes, _, runs, _ = row
    return int(event_log_bytes), int(runs)
