"""One run of the platform in one home: lock, leftovers, plan, supervisor, and the files that tell others of it.

What does not belong here: single parts (parts), keeping them alive (supervisor), the command line (cli).
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from types import FrameType

import msgspec

from cryptoflow.errors import CryptoflowError, PermanentError
from cryptoflow.runtime.first_hour import FirstHourWatch
from cryptoflow.runtime.home import Endpoints, FileLock, Home, lock_home
from cryptoflow.runtime.leftovers import stop_leftovers
from cryptoflow.runtime.parts import SCHEMA_STEP, Plan, plan_platform, platform_members
from cryptoflow.runtime.plan_words import plan_text
from cryptoflow.runtime.private_files import write_private
from cryptoflow.runtime.processes import ProcessId, wait_until
from cryptoflow.runtime.supervisor import State, Supervisor
from cryptoflow.runtime.view import View, welcome
from cryptoflow.settings import Settings

_COMMANDS_TIMEOUT_SECONDS = 60.0


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """HOME/run/failure.json: why a background platform did not come up."""

    what: str
    cure: str


@dataclass(slots=True)
class _Publisher:
    """Writes endpoints.json and feeds the view, whenever the supervisor reports a change."""

    plan: Plan
    view: View
    detached: bool
    started_at: str
    watch: FirstHourWatch
    _welcomed: bool = False
    _plan_told: bool = False

    def __call__(self, supervisor: Supervisor) -> None:
        self.view.show(supervisor.statuses())
        self.view.show_history(self.watch.latest)
        endpoints = endpoints_of(self.plan, supervisor, started_at=self.started_at)
        # As with the status file: a disk that is full for a while must not take the parts down.
        with contextlib.suppress(PermanentError):
            self.plan.home.write_endpoints(endpoints)
        if not self._plan_told and _can_tell_plan(supervisor):
            self._plan_told = True
            # Beside the start, which it must not delay; the parts that make calls need much longer to come up.
            threading.Thread(target=self._tell_plan, name="plan", daemon=True).start()
        if not self._welcomed and supervisor.is_all_well():
            self._welcomed = True
            self.watch.start()
            self.view.say(welcome(endpoints, home=str(self.plan.home.path), detached=self.detached))

    def _tell_plan(self) -> None:
        plan = self.plan
        text = plan_text(
            plan.settings, database_url=plan.database_url, redis_url=plan.redis_url, simulator_url=plan.simulator_url
        )
        self.view.say(text)


def _can_tell_plan(supervisor: Supervisor) -> bool:
    """Whether what the plan is made from answers: the settled database, and the cache when it is ours."""
    states = {part.name: part.state for part in supervisor.statuses()}
    return states.get(SCHEMA_STEP) is State.DONE and states.get("valkey", State.HEALTHY) is State.HEALTHY


def run_platform(settings: Settings, *, demo: bool, view: View, detached: bool = False) -> None:
    """Run until a signal asks to stop. Everything that was started is stopped when this returns or raises."""
    home = Home(settings.home_path)
    home.prepare()
    lock = lock_home(home)
    try:
        _clear_the_way(home, view)
        plan = plan_platform(settings, home, demo=demo)
        watch = FirstHourWatch(plan.database_url, most=settings.universe_size)
        publisher = _Publisher(
            plan, view, detached, started_at=datetime.now(UTC).isoformat(timespec="seconds"), watch=watch
        )
        supervisor = Supervisor(home, platform_members(plan), pid=os.getpid(), on_change=publisher)
        with stopped_by_signals(supervisor), contextlib.closing(watch), view:
            supervisor.run()
        view.say("cryptoflow is stopped.")
    finally:
        home.clear_endpoints()
        lock.release()


def run_detached(settings: Settings, *, demo: bool, view: View) -> None:
    """`run_platform` for a background process: a failure is left in a file for whoever started it."""
    home = Home(settings.home_path)
    try:
        run_platform(settings, demo=demo, view=view, detached=True)
    except CryptoflowError as error:
        failure = Failure(what=error.what, cure=error.cure)
        with contextlib.suppress(PermanentError):
            write_private(home.failure_file, msgspec.json.encode(failure).decode())
        raise


def endpoints_of(plan: Plan, supervisor: Supervisor, *, started_at: str) -> Endpoints:
    """The content of endpoints.json now."""
    children = supervisor.children()
    myself = ProcessId.of(supervisor.pid)
    return Endpoints(
        database_url=plan.database_url,
        dagster_database_url=plan.dagster_database_url,
        redis_url=plan.redis_url,
        dagster_url=plan.dagster_url,
        simulator_url=plan.simulator_url,
        children={name: child.pid for name, child in children.items()},
        children_started_at={name: child.identity.created_at for name, child in children.items()},
        supervisor_pid=supervisor.pid,
        supervisor_started_at=myself.created_at if myself else 0.0,
        started_at=started_at,
        version=version("cryptoflow"),
    )


def _clear_the_way(home: Home, view: View) -> None:
    """End what a killed supervisor left; wait for single commands that use the embedded database to finish."""
    home.failure_file.unlink(missing_ok=True)
    home.status_file.unlink(missing_ok=True)
    commands = FileLock(home.session_lock_file)
    if not commands.acquire():
        view.say("Waiting for a running command to finish with the database.")
        if not wait_until(commands.acquire, timeout_seconds=_COMMANDS_TIMEOUT_SECONDS):
            raise PermanentError(
                f"Another cryptoflow command has been using the database of {home.path} for a while.",
                cure="Let it finish or stop it, then start again.",
            )
    try:
        stopped = stop_leftovers(home)
        if stopped:
            view.say(f"Stopped what an earlier run left behind: {', '.join(stopped)}.")
    finally:
        commands.release()


@contextlib.contextmanager
def stopped_by_signals(supervisor: Supervisor) -> Iterator[None]:
    """SIGTERM, Ctrl-C and a closed terminal stop the supervisor; a second one stops it at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        supervisor.request_stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
