"""The state of a platform seen from outside its supervisor, and how to end it: what `status` and `down` need.

What does not belong here: printing.
"""

from __future__ import annotations

import contextlib
import signal
import time
from dataclasses import dataclass
from typing import Final

import msgspec

from cryptoflow.errors import PermanentError
from cryptoflow.runtime.home import Endpoints, FileLock, Home, lock_owner
from cryptoflow.runtime.leftovers import leftover_children, stop_leftovers
from cryptoflow.runtime.processes import ProcessId, send, wait_until
from cryptoflow.runtime.supervisor import WELL, PartStatus, PlatformStatus
from cryptoflow.runtime.urls import mask_url

STALE_AFTER_SECONDS: Final = 30.0
_STOP_TIMEOUT_SECONDS = 180.0
_FORCE_TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What `cryptoflow status` knows."""

    home: str
    running: bool
    healthy: bool
    problems: tuple[str, ...]
    endpoints: Endpoints | None
    parts: tuple[PartStatus, ...]


def read_status(home: Home) -> PlatformStatus | None:
    """What the supervisor last wrote."""
    try:
        return msgspec.json.decode(home.status_file.read_bytes(), type=PlatformStatus)
    except (FileNotFoundError, msgspec.DecodeError, msgspec.ValidationError):
        return None


def is_all_well(status: PlatformStatus) -> bool:
    return bool(status.parts) and all(part.state in WELL for part in status.parts)


def report(home: Home) -> Report:
    """Look at a home from outside."""
    running = home.lock_file.exists() and lock_owner(home.lock_file) is not None
    if not running:
        return Report(
            home=str(home.path), running=False, healthy=False, problems=_left_behind(home), endpoints=None, parts=()
        )
    status = read_status(home)
    problems = problems_of(status, now=time.time())
    endpoints = None
    try:
        endpoints = home.read_endpoints()
    except PermanentError as error:
        problems.append(error.what)
    return Report(
        home=str(home.path),
        running=True,
        healthy=not problems,
        problems=tuple(problems),
        endpoints=endpoints,
        parts=tuple(status.parts) if status else (),
    )


def _left_behind(home: Home) -> tuple[str, ...]:
    """A supervisor that was killed leaves its endpoints file, and its children running."""
    with contextlib.suppress(PermanentError):
        endpoints = home.read_endpoints()
        names = list(leftover_children(endpoints)) if endpoints else []
        if names:
            return (f"An earlier run was killed and left {', '.join(names)}; `cryptoflow down` ends them.",)
    return ()


def problems_of(status: PlatformStatus | None, *, now: float) -> list[str]:
    """What is wrong, a sentence each."""
    if status is None:
        return ["The platform is starting and has not reported yet."]
    problems = [
        f"{part.name} is {part.state.value}" + (f": {part.last_problem}" if part.last_problem else "")
        for part in status.parts
        if part.state not in WELL
    ]
    silent = now - status.updated_at
    if silent > STALE_AFTER_SECONDS:
        problems.append(f"The supervisor has not reported for {silent:.0f} s.")
    return problems


def masked(endpoints: Endpoints) -> Endpoints:
    """The endpoints with stars for passwords."""
    return msgspec.structs.replace(
        endpoints,
        database_url=mask_url(endpoints.database_url),
        dagster_database_url=mask_url(endpoints.dagster_database_url),
        redis_url=mask_url(endpoints.redis_url) if endpoints.redis_url else None,
    )


def stop_platform(home: Home) -> list[str]:
    """Stop the platform of a home and everything left of it. Names of what was stopped; empty when nothing ran."""
    if not home.run.is_dir():
        return []
    stopped = []
    pid = lock_owner(home.lock_file)
    if pid:
        _stop_supervisor(home, pid)
        stopped.append("the platform")
    stopped += _stop_rest(home)
    home.clear_endpoints()
    return stopped


def _stop_supervisor(home: Home, pid: int) -> None:
    supervisor = ProcessId.of(pid)

    def is_free() -> bool:
        return lock_owner(home.lock_file) is None

    for number, patience in (
        (signal.SIGTERM, _STOP_TIMEOUT_SECONDS),
        (signal.SIGTERM, _FORCE_TIMEOUT_SECONDS),
        (signal.SIGKILL, _FORCE_TIMEOUT_SECONDS),
    ):
        if supervisor is not None:
            send(supervisor, number)
        if wait_until(is_free, timeout_seconds=patience):
            return
    raise PermanentError(
        f"The supervisor of {home.path} (process {pid}) does not stop.", cure=f"End process {pid} as its owner."
    )


def _stop_rest(home: Home) -> list[str]:
    commands = FileLock(home.session_lock_file)
    lock = FileLock(home.lock_file)
    with contextlib.ExitStack() as stack:
        # A single command may be using the embedded database for its own duration: it stops it by itself.
        for held in (lock, commands):
            if not held.acquire():
                return []
            stack.callback(held.release)
        return stop_leftovers(home)
