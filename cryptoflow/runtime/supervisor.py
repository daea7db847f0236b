"""Keeps parts running: starts them in order, watches their health, restarts what died, stops all in reverse order.

One loop in one thread owns all state; probes and preparations run in a small pool, so that a hanging one delays
nobody else. What does not belong here: which parts there are (parts), what a person sees (view).
"""

from __future__ import annotations

import contextlib
import enum
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import msgspec

from cryptoflow.errors import CryptoflowError, PermanentError
from cryptoflow.runtime.child import Child, describe_exit
from cryptoflow.runtime.home import Home
from cryptoflow.runtime.logs import open_log, roll, tail
from cryptoflow.runtime.part import CannotTellError, Member, Part, Step, start_order, stop_levels
from cryptoflow.runtime.private_files import write_private

FIRST_BACKOFF_SECONDS: Final = 0.5
LONGEST_BACKOFF_SECONDS: Final = 15.0
FORGIVEN_AFTER_SECONDS: Final = 60.0
# A part that was never well and failed this often will not get well by itself.
FIRST_START_TRIES: Final = 5
TICK_SECONDS: Final = 0.1

_STARTING_CHECK_SECONDS = 0.3
_HOUSEKEEPING_SECONDS = 5.0
_POOL_THREADS = 8


class State(enum.StrEnum):
    """Where a part or step stands."""

    WAITING = "waiting"
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    BACKOFF = "backoff"
    DONE = "done"
    STOPPED = "stopped"


WELL: Final = frozenset({State.HEALTHY, State.DONE})


class PartStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `cryptoflow status`."""

    name: str
    state: State
    pid: int | None = None
    since: float = 0.0
    """Unix time at which the process started."""
    restarts: int = 0
    endpoint: str | None = None
    last_problem: str | None = None
    is_step: bool = False


class PlatformStatus(msgspec.Struct, frozen=True, kw_only=True):
    """HOME/run/status.json."""

    supervisor_pid: int
    updated_at: float
    parts: list[PartStatus]


def backoff_seconds(failures: int) -> float:
    """The wait before the restart that follows the n-th failure in a row."""
    exponent = min(failures - 1, 30)
    return float(min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2**exponent))


@dataclass(slots=True)
class _Member:
    """A part or step with what is known of it."""

    definition: Member
    state: State = State.WAITING
    child: Child | None = None
    job: Future[str | None] | None = None
    failures: int = 0
    starts: int = 0
    was_healthy: bool = False
    healthy_since: float = 0.0
    started: float = 0.0
    unhealthy_since: float | None = None
    next_start: float = 0.0
    next_check: float = 0.0
    last_problem: str | None = None

    def status(self) -> PartStatus:
        definition = self.definition
        return PartStatus(
            name=definition.name,
            state=self.state,
            pid=self.child.pid if self.child else None,
            since=self.child.started_at if self.child else 0.0,
            restarts=max(0, self.starts - 1),
            endpoint=definition.endpoint if isinstance(definition, Part) else None,
            last_problem=self.last_problem,
            is_step=isinstance(definition, Step),
        )


@dataclass(slots=True)
class Supervisor:
    """Runs members until told to stop. `on_change` is called from the loop whenever a state or a process changes."""

    home: Home
    members: Sequence[Member]
    pid: int
    on_change: Callable[[Supervisor], None] = lambda _: None
    _all: dict[str, _Member] = field(init=False)
    _pool: ThreadPoolExecutor = field(init=False)
    _stop: threading.Event = field(init=False, default_factory=threading.Event)
    _force: threading.Event = field(init=False, default_factory=threading.Event)
    _changed: bool = field(init=False, default=True)
    _failure: CryptoflowError | None = field(init=False, default=None)
    _was_all_well: bool = field(init=False, default=False)
    _next_housekeeping: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._all = {member.name: _Member(member) for member in start_order(self.members)}
        self._pool = ThreadPoolExecutor(_POOL_THREADS, thread_name_prefix="supervisor")

    def request_stop(self) -> None:
        """Stop soon; the second request stops at once. May be called from a signal handler."""
        if self._stop.is_set():
            self._force.set()
        self._stop.set()

    def run(self) -> None:
        """Run until `request_stop`; then everything is stopped. Raises when the first start cannot succeed."""
        try:
            while not self._stop.is_set():
                self.tick(time.monotonic())
                if self._failure is not None:
                    raise self._failure
                self._stop.wait(TICK_SECONDS)
        finally:
            self.stop_all()

    def tick(self, now: float) -> None:
        """One look at everything."""
        for member in self._all.values():
            self._look_at(member, now)
        self._was_all_well = self._was_all_well or self.is_all_well()
        if now >= self._next_housekeeping:
            self._next_housekeeping = now + _HOUSEKEEPING_SECONDS
            self._changed = True
            for member in self._all.values():
                roll(self.home.log_file(member.definition.name))
        self._publish()

    def statuses(self) -> list[PartStatus]:
        return [member.status() for member in self._all.values()]

    def children(self) -> dict[str, Child]:
        return {name: member.child for name, member in self._all.items() if member.child is not None}

    def is_all_well(self) -> bool:
        return all(member.state in WELL for member in self._all.values())

    def stop_all(self) -> None:
        """Stop dependents before what they depend on, each level together, each within its grace."""
        for level in stop_levels([member.definition for member in self._all.values()]):
            self._stop_level([self._all[name] for name in level])
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._changed = True
        self._publish()

    # One member, one look ------------------------------------------------------------------------------------

    def _look_at(self, member: _Member, now: float) -> None:
        if member.child is not None:
            code = member.child.exit_code()
            if code is not None:
                member.child = None
                self._failed(member, describe_exit(code), now)
        match member.state:
            case State.WAITING | State.BACKOFF if now >= member.next_start and self._may_start(member):
                self._begin(member, now)
            case State.STARTING if member.child is None:
                self._continue_start(member, now)
            case State.STARTING | State.HEALTHY | State.UNHEALTHY:
                self._watch(member, now)

    def _may_start(self, member: _Member) -> bool:
        return all(self._all[name].state in WELL for name in member.definition.depends_on)

    def _begin(self, member: _Member, now: float) -> None:
        definition = member.definition
        work = definition.action if isinstance(definition, Step) else definition.prepare
        member.started = now
        member.job = self._pool.submit(_without_result, work)
        self._enter(member, State.STARTING)

    def _continue_start(self, member: _Member, now: float) -> None:
        """The step, or the preparation of the part, runs in the pool: wait for it, then go on."""
        if member.job is None or not member.job.done():
            return
        job, member.job = member.job, None
        definition = member.definition
        try:
            job.result()
            if isinstance(definition, Part):
                member.child = Child(definition, log_file=self.home.log_file(definition.name))
        except CryptoflowError as error:
            self._failed(member, str(error), now, error=error)
            return
        except Exception as error:
            # A bug or an unforeseen refusal of one member is that member's failure, never the platform's end.
            self._log_traceback(member, error)
            self._failed(member, f"{type(error).__name__}: {error}", now)
            return
        member.starts += 1
        member.started = now
        member.next_check = now
        if isinstance(definition, Step):
            self._enter(member, State.DONE)
        self._changed = True

    def _watch(self, member: _Member, now: float) -> None:
        part = member.definition
        assert isinstance(part, Part)
        assert member.child is not None
        if part.check is None:
            self._well(member, now)
        elif member.job is not None and member.job.done():
            job, member.job = member.job, None
            member.next_check = now + (
                _STARTING_CHECK_SECONDS if member.state is State.STARTING else part.check_interval_seconds
            )
            self._judge(member, job, now)
        elif member.job is None and now >= member.next_check:
            member.job = self._pool.submit(part.check, member.child.started_at)
        if member.failures and member.state is State.HEALTHY and now - member.healthy_since > FORGIVEN_AFTER_SECONDS:
            member.failures = 0

    def _judge(self, member: _Member, job: Future[str | None], now: float) -> None:
        try:
            complaint = job.result()
        except CannotTellError:
            return
        except Exception as error:
            complaint = f"its check failed ({type(error).__name__}: {error})"
        if complaint is None:
            self._well(member, now)
        else:
            self._unwell(member, complaint, now)

    def _well(self, member: _Member, now: float) -> None:
        member.unhealthy_since = None
        member.was_healthy = True
        if member.state is not State.HEALTHY:
            member.healthy_since = now
            self._enter(member, State.HEALTHY)

    def _unwell(self, member: _Member, complaint: str, now: float) -> None:
        part = member.definition
        assert isinstance(part, Part)
        if member.state is State.STARTING:
            if now - member.started > part.start_timeout_seconds:
                self._give_up_on(
                    member, f"not well {part.start_timeout_seconds:.0f} s after its start: {complaint}", now
                )
            return
        if member.unhealthy_since is None:
            member.unhealthy_since = now
        member.last_problem = complaint
        self._enter(member, State.UNHEALTHY)
        if now - member.unhealthy_since >= part.unhealthy_after_seconds:
            self._give_up_on(member, complaint, now)

    def _give_up_on(self, member: _Member, reason: str, now: float) -> None:
        if member.child is not None:
            member.child.kill()
            member.child = None
        self._failed(member, reason, now)

    def _failed(self, member: _Member, reason: str, now: float, *, error: CryptoflowError | None = None) -> None:
        if member.job is not None:
            member.job.cancel()
            member.job = None
        member.failures += 1
        member.unhealthy_since = None
        member.last_problem = reason
        member.next_start = now + backoff_seconds(member.failures)
        self._enter(member, State.BACKOFF)
        if not self._was_all_well:
            self._judge_first_start(member, reason, error)

    def _judge_first_start(self, member: _Member, reason: str, error: CryptoflowError | None) -> None:
        """Before everything was well once, a lasting failure ends the start instead of being tried for ever."""
        if isinstance(error, PermanentError):
            self._failure = error
        elif not member.was_healthy and member.failures >= FIRST_START_TRIES:
            log_file = self.home.log_file(member.definition.name)
            last = next((line for line in reversed(tail(log_file)) if line.strip()), "nothing")
            self._failure = error or PermanentError(
                f"The part {member.definition.name} does not start ({reason}); it last wrote: {last.strip()}",
                cure=f"Read {log_file}, then start again.",
            )

    def _log_traceback(self, member: _Member, error: Exception) -> None:
        # The reason is in the status in any case; a disk that refuses the details changes nothing.
        with (
            contextlib.suppress(PermanentError, OSError),
            open_log(self.home.log_file(member.definition.name)) as log,
        ):
            log.write("".join(traceback.format_exception(error)).encode())

    def _enter(self, member: _Member, state: State) -> None:
        if member.state is not state:
            member.state = state
            self._changed = True

    # Stopping --------------------------------------------------------------------------------------------------

    def _stop_level(self, level: list[_Member]) -> None:
        running = [member for member in level if member.child is not None]
        deadlines: dict[str, float] = {}
        for member in running:
            assert member.child is not None
            member.child.ask_to_stop()
            deadlines[member.definition.name] = time.monotonic() + member.child.part.stop_grace_seconds
        while running:
            for member in list(running):
                assert member.child is not None
                if self._force.is_set() or time.monotonic() >= deadlines[member.definition.name]:
                    member.child.kill()
                if member.child.exit_code() is not None:
                    running.remove(member)
                    member.child = None
            if running:
                self._force.wait(TICK_SECONDS)
        for member in level:
            self._enter(member, State.STOPPED)
        self._publish()

    def _publish(self) -> None:
        if not self._changed:
            return
        self._changed = False
        status = PlatformStatus(supervisor_pid=self.pid, updated_at=time.time(), parts=self.statuses())
        # A disk that is full for a while must not take the parts down; the file's age tells that it is stale.
        with contextlib.suppress(PermanentError):
            write_private(self.home.status_file, msgspec.json.encode(status).decode())
        self.on_change(self)


def _without_result(work: Callable[[], None] | None) -> None:
    if work is not None:
        work()
