"""The supervisor with real but light children: order, healing, hanging, orphans, stopping, leftovers."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from cryptoflow.errors import PermanentError, TransientError
from cryptoflow.runtime.child import Child
from cryptoflow.runtime.home import Endpoints, Home
from cryptoflow.runtime.leftovers import stop_leftovers
from cryptoflow.runtime.part import CannotTellError, Check, Member, Part, Step
from cryptoflow.runtime.processes import ProcessId, is_alive, wait_until
from cryptoflow.runtime.supervisor import FIRST_START_TRIES, PlatformStatus, State, Supervisor

# Writes its name when it starts and when it is asked to stop, into one file that all share.
OBEDIENT = """
import signal, sys
def say(word):
    with open(sys.argv[1], "a") as out:
        out.write(f"{word} {sys.argv[2]}\\n")
def stop(*_):
    say("stop")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
say("start")
while True:
    signal.pause()
"""
DEAF = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: signal.pause()"
# A leader with a member in its group, as a worker with its pool process.
PREFORK = """
import os, signal, sys
pid = os.fork()
if pid:
    with open(sys.argv[1], "a") as out:
        out.write(f"{pid}\\n")
while True:
    signal.pause()
"""
PATIENCE_SECONDS = 60.0


class Run:
    """A supervisor in a thread of its own."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.journal = home.path / "journal"
        self.seen: list[tuple[str, State]] = []
        self.error: BaseException | None = None
        self._supervisor: Supervisor | None = None
        self._thread: threading.Thread | None = None

    @property
    def supervisor(self) -> Supervisor:
        assert self._supervisor is not None
        return self._supervisor

    def start(self, *members: Member) -> None:
        self._supervisor = Supervisor(self.home, members, pid=os.getpid(), on_change=self._note)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        if self._thread is not None:
            self.supervisor.request_stop()
            self._thread.join(timeout=30)
            assert not self._thread.is_alive()

    def join(self) -> None:
        assert self._thread is not None
        self._thread.join(timeout=30)
        assert not self._thread.is_alive()

    def state(self, name: str) -> State:
        return next(status.state for status in self.supervisor.statuses() if status.name == name)

    def restarts(self, name: str) -> int:
        return next(status.restarts for status in self.supervisor.statuses() if status.name == name)

    def child(self, name: str) -> Child:
        return self.supervisor.children()[name]

    def lines(self) -> list[str]:
        return self.journal.read_text().splitlines() if self.journal.exists() else []

    def until(self, condition: Callable[[], bool]) -> None:
        assert wait_until(condition, timeout_seconds=PATIENCE_SECONDS), self.supervisor.statuses()

    def _run(self) -> None:
        try:
            self.supervisor.run()
        except BaseException as error:
            self.error = error

    def _note(self, supervisor: Supervisor) -> None:
        for status in supervisor.statuses():
            last = next((state for name, state in reversed(self.seen) if name == status.name), None)
            if status.state is not last:
                self.seen.append((status.name, status.state))


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """A supervisor whose children are gone at the end, whatever happened."""
    home = Home(tmp_path / "home")
    home.prepare()
    running = Run(home)
    yield running
    running.stop()


def part(
    run: Run,
    name: str,
    *,
    code: str = OBEDIENT,
    depends_on: tuple[str, ...] = (),
    check: Check | None = None,
    prepare: Callable[[], None] | None = None,
    unhealthy_after_seconds: float = 20.0,
    start_timeout_seconds: float = 60.0,
    stop_grace_seconds: float = 10.0,
) -> Part:
    return Part(
        name=name,
        argv=(sys.executable, "-I", "-c", code, str(run.journal), name),
        environment={},
        folder=run.home.path,
        depends_on=depends_on,
        check=check or (lambda _: None if f"start {name}" in run.lines() or code != OBEDIENT else "silent"),
        prepare=prepare,
        check_interval_seconds=0.1,
        unhealthy_after_seconds=unhealthy_after_seconds,
        start_timeout_seconds=start_timeout_seconds,
        stop_grace_seconds=stop_grace_seconds,
    )


def test_parts_start_in_order_and_stop_in_reverse(run: Run) -> None:
    run.start(
        part(run, "web", depends_on=("code",)),
        part(run, "code", depends_on=("database",)),
        part(run, "database"),
    )
    run.until(run.supervisor.is_all_well)
    run.stop()
    assert run.lines() == ["start database", "start code", "start web", "stop web", "stop code", "stop database"]
    assert {status.state for status in run.supervisor.statuses()} == {State.STOPPED}


def test_a_step_is_done_once_between_its_neighbours(run: Run) -> None:
    done: list[list[str]] = []
    run.start(
        part(run, "web", depends_on=("schema",)),
        Step(name="schema", action=lambda: done.append(run.lines()), depends_on=("database",)),
        part(run, "database"),
    )
    run.until(run.supervisor.is_all_well)
    os.kill(run.child("database").pid, signal.SIGKILL)
    run.until(lambda: run.restarts("database") == 1 and run.supervisor.is_all_well())
    assert done == [["start database"]]


def test_a_killed_child_is_replaced_and_the_others_are_left_alone(run: Run) -> None:
    run.start(part(run, "database"), part(run, "web", depends_on=("database",)))
    run.until(run.supervisor.is_all_well)
    killed, neighbour = run.child("database").pid, run.child("web").pid
    os.kill(killed, signal.SIGKILL)
    run.until(lambda: run.restarts("database") == 1 and run.supervisor.is_all_well())
    assert run.child("database").pid != killed
    assert run.child("web").pid == neighbour
    problem = next(status.last_problem for status in run.supervisor.statuses() if status.name == "database")
    assert problem == "killed by SIGKILL"


def test_a_dead_leader_takes_its_group_with_it(run: Run) -> None:
    run.start(part(run, "worker", code=PREFORK))
    run.until(lambda: bool(run.lines()))
    member = ProcessId.of(int(run.lines()[0]))
    assert member is not None
    os.kill(run.child("worker").pid, signal.SIGKILL)
    run.until(lambda: not is_alive(member))


def test_a_child_that_hangs_is_replaced(run: Run) -> None:
    stuck: set[int] = set()
    run.start(
        part(
            run,
            "web",
            check=lambda _: "hangs" if run.child("web").pid in stuck else None,
            unhealthy_after_seconds=0.3,
        )
    )
    run.until(run.supervisor.is_all_well)
    stuck.add(run.child("web").pid)
    run.until(lambda: run.restarts("web") == 1 and run.supervisor.is_all_well())
    assert ("web", State.UNHEALTHY) in run.seen


def test_a_passing_complaint_restarts_nothing(run: Run) -> None:
    complaints = iter([None, "busy", "busy", None])
    run.start(part(run, "web", check=lambda _: next(complaints, None)))
    run.until(lambda: ("web", State.UNHEALTHY) in run.seen and run.state("web") is State.HEALTHY)
    assert run.restarts("web") == 0


def test_a_check_that_cannot_tell_changes_nothing(run: Run) -> None:
    asked = threading.Event()

    def check(_: float) -> str | None:
        if run.state("worker") is State.STARTING:
            return None
        asked.set()
        raise CannotTellError("the queue is away")

    run.start(part(run, "worker", check=check, unhealthy_after_seconds=0.0))
    assert asked.wait(PATIENCE_SECONDS)
    run.until(lambda: run.state("worker") is State.HEALTHY)
    assert run.restarts("worker") == 0


def test_a_part_that_never_starts_ends_the_first_start_with_its_last_words(run: Run) -> None:
    run.start(part(run, "web", code="raise SystemExit('no such module')"))
    run.join()
    assert isinstance(run.error, PermanentError)
    assert "web does not start (exited with code 1); it last wrote: no such module" in run.error.what
    assert str(run.home.log_file("web")) in run.error.cure
    assert sum(1 for name, state in run.seen if (name, state) == ("web", State.BACKOFF)) == FIRST_START_TRIES


def test_a_permanent_error_of_a_step_ends_the_first_start_and_stops_the_rest(run: Run) -> None:
    def refuse() -> None:
        raise PermanentError("The server is too old.", cure="Upgrade it.")

    run.start(part(run, "database"), Step(name="schema", action=refuse, depends_on=("database",)))
    run.join()
    assert isinstance(run.error, PermanentError)
    assert run.error.what == "The server is too old."
    assert run.lines() == ["start database", "stop database"]


def test_a_passing_error_of_a_step_is_tried_again(run: Run) -> None:
    tries: list[int] = []

    def hesitate() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise TransientError("Not yet.", cure="Wait.")

    run.start(Step(name="schema", action=hesitate))
    run.until(run.supervisor.is_all_well)
    assert len(tries) == 3


def test_an_unforeseen_error_of_a_preparation_is_that_part_s_failure_and_is_logged(run: Run) -> None:
    tries: list[int] = []

    def stumble() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise ZeroDivisionError("oops")

    run.start(part(run, "web", prepare=stumble))
    run.until(run.supervisor.is_all_well)
    assert "ZeroDivisionError: oops" in run.home.log_file("web").read_text()


def test_a_start_that_takes_too_long_is_begun_anew(run: Run) -> None:
    first: list[int] = []

    def check(_: float) -> str | None:
        first.append(run.child("web").pid)
        return "not yet" if run.child("web").pid == first[0] else None

    run.start(part(run, "web", check=check, start_timeout_seconds=0.2))
    run.until(run.supervisor.is_all_well)
    assert run.restarts("web") == 1


def test_a_deaf_child_is_killed_after_its_grace(run: Run) -> None:
    run.start(part(run, "web", code=DEAF, stop_grace_seconds=0.3))
    run.until(run.supervisor.is_all_well)
    process = run.child("web").identity
    run.stop()
    assert not is_alive(process)


def test_the_second_request_to_stop_does_not_wait_for_grace(run: Run) -> None:
    run.start(part(run, "web", code=DEAF, stop_grace_seconds=3600.0))
    run.until(run.supervisor.is_all_well)
    process = run.child("web").identity
    run.supervisor.request_stop()
    run.supervisor.request_stop()
    run.join()
    assert not is_alive(process)


def test_the_status_file_tells_restarts_and_reasons(run: Run) -> None:
    run.start(part(run, "web"))
    run.until(run.supervisor.is_all_well)
    os.kill(run.child("web").pid, signal.SIGKILL)

    def told() -> bool:
        status = msgspec.json.decode(run.home.status_file.read_bytes(), type=PlatformStatus)
        (web,) = status.parts
        return (web.state, web.restarts, web.last_problem) == (State.HEALTHY, 1, "killed by SIGKILL")

    run.until(told)


@pytest.fixture
def orphans(run: Run) -> Iterator[dict[str, Child]]:
    """Children that nobody watches, noted in the endpoints file of the home."""
    parts = [part(run, "web", code=DEAF), part(run, "worker", code=PREFORK)]
    children = {member.name: Child(member, log_file=run.home.log_file(member.name)) for member in parts}
    run.home.write_endpoints(
        Endpoints(
            database_url="postgresql://me@db/x",
            dagster_database_url="postgresql://me@db/y",
            children={name: child.pid for name, child in children.items()},
            children_started_at={name: child.identity.created_at for name, child in children.items()},
        )
    )
    yield children
    for child in children.values():
        child.kill()


def test_what_a_killed_supervisor_left_is_found_and_ended(run: Run, orphans: dict[str, Child]) -> None:
    run.until(lambda: bool(run.lines()))
    member = ProcessId.of(int(run.lines()[0]))
    assert member is not None
    assert sorted(stop_leftovers(run.home, grace_seconds=0.5)) == ["web", "worker"]
    run.until(lambda: not is_alive(member))
    assert all(child.exit_code() is not None for child in orphans.values())
