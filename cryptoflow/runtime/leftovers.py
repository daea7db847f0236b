"""Processes that a platform left behind when its supervisor was killed: found by identity, and ended.

What does not belong here: stopping a platform in order (supervisor).
"""

from __future__ import annotations

import signal

from cryptoflow.errors import PermanentError
from cryptoflow.runtime.home import Endpoints, Home
from cryptoflow.runtime.postgres import EmbeddedPostgres, clear_leftovers, read_postmaster
from cryptoflow.runtime.processes import ProcessId, is_alive, kill_group, send, wait_until
from cryptoflow.runtime.valkey import EmbeddedValkey

_GRACE_SECONDS = 10.0
# The database has its own way to stop, and everybody else should be gone by then.
_SERVERS = frozenset({"postgres", "valkey"})


def leftover_children(endpoints: Endpoints) -> dict[str, ProcessId]:
    """The children named in an endpoints file that are still the same, living processes."""
    found = {
        name: ProcessId(pid, endpoints.children_started_at.get(name, 0.0)) for name, pid in endpoints.children.items()
    }
    return {name: process for name, process in found.items() if is_alive(process)}


def stop_leftovers(home: Home, *, grace_seconds: float = _GRACE_SECONDS) -> list[str]:
    """End what a killed supervisor left in this home; the names of what was ended. Needs the home's lock."""
    try:
        endpoints = home.read_endpoints()
    except PermanentError:
        # An unreadable file names nobody; the servers are found by their own pid files below.
        endpoints = None
    stopped = []
    if endpoints is not None:
        others = {n: p for n, p in leftover_children(endpoints).items() if n not in _SERVERS}
        _stop_together(list(others.values()), grace_seconds=grace_seconds)
        stopped += list(others)
    return stopped + stop_servers(home)


def stop_servers(home: Home) -> list[str]:
    """Stop the embedded servers of this home, whoever started them."""
    stopped = []
    if EmbeddedValkey.runs_in(home.path):
        EmbeddedValkey.in_home(home.path).stop()
        stopped.append("valkey")
    if read_postmaster(home.postgres_data) is not None:
        EmbeddedPostgres.in_home(home.path).stop()
        stopped.append("postgres")
    if home.postgres_data.is_dir():
        clear_leftovers(home.postgres_data)
    return stopped


def _stop_together(processes: list[ProcessId], *, grace_seconds: float) -> None:
    for process in processes:
        send(process, signal.SIGTERM)
    wait_until(lambda: not any(is_alive(process) for process in processes), timeout_seconds=grace_seconds)
    for process in processes:
        # Each led a group of its own; while the leader lives, or a member does, the number is still its.
        kill_group(process.pid)
    wait_until(lambda: not any(is_alive(process) for process in processes), timeout_seconds=grace_seconds)
