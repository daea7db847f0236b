"""Processes of the operating system by identity (id and start time), so that a reused id is never mistaken.

What does not belong here: why a process runs or should stop.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

_POLL_SECONDS = 0.05
# The kernel counts start times in ticks; two readings of one process agree to well under this.
_SAME_START_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class ProcessId:
    """One process, not whatever got its number later."""

    pid: int
    created_at: float

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """The process that has this number now."""
        try:
            return cls(pid, psutil.Process(pid).create_time())
        except psutil.NoSuchProcess:
            return None


def is_alive(process: ProcessId) -> bool:
    """Running, the same process, and not a zombie that waits to be reaped."""
    try:
        found = psutil.Process(process.pid)
        same = abs(found.create_time() - process.created_at) < _SAME_START_SECONDS
        return same and found.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(condition: Callable[[], bool], *, timeout_seconds: float) -> bool:
    """Poll until the condition holds; False when the time is over."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def stop_process(process: ProcessId, *, stop_signal: int = signal.SIGTERM, grace_seconds: float = 10.0) -> bool:
    """Ask, wait, then kill. True when it went within its grace."""
    send(process, stop_signal)
    if wait_until(lambda: not is_alive(process), timeout_seconds=grace_seconds):
        return True
    send(process, signal.SIGKILL)
    wait_until(lambda: not is_alive(process), timeout_seconds=grace_seconds)
    return False


def send(process: ProcessId, signal_number: int) -> None:
    """Signal it if it is still the same process."""
    if is_alive(process):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal_number)


def kill_group(group: int) -> None:
    """Kill what is left of a process group that a part of ours led."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
