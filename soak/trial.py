"""One soak: disturb the platform, drive its ticks through the world's fast minutes, measure; then let it recover.

Slots of our own minutes are ticked by the platform's schedule. Between two of them the soak starts the very same job,
one run after the other, for the minute that it is in the world, so that the tick runs as often as it can. The schedule
skips a minute while a tick runs, so its turn is kept free.
What does not belong here: what must hold afterwards (checks).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from cryptoflow.errors import CryptoflowError
from soak.figures import Figures, measure
from soak.journal import LIES, Journal
from soak.plan import Disturbance
from soak.running import AWAY, CANDLE_TICK_JOB, HISTORY_JOB, TICK_JOB, Soaked, seconds_into_minute
from soak.world import World

MEASURE_EVERY_SECONDS: Final = 5.0
# Around the full minute the schedule has its turn.
_DRIVEN_FROM: Final = 7.0
_DRIVEN_UNTIL: Final = 55.0
_LOOK_EVERY_SECONDS: Final = 0.25
_AWAY_SECONDS: Final = 1.0
_TICK_MAY_TAKE_SECONDS: Final = 90.0
_FINISHED: Final = frozenset({"SUCCESS", "FAILURE", "CANCELED"})
# The first rows of a fresh home, and the trades of the followed pairs.
_FIRST_SECONDS: Final = 120.0
# A lost run is noticed, failed and started anew; circuits close; the next tick is whole.
RECOVERY_SECONDS: Final = 300.0
_RECOVERY_LOOK_SECONDS: Final = 2.0
# Of the faults, and of a world that is behind the clock; every row is compared with the world besides.
_EXPECTATIONS: Final = "quality of "
# What the job's own bound allows.
_HISTORY_MAY_TAKE_SECONDS: Final = 300.0
_WAITING: Final = "SELECT batch_id, provider, fetched_at FROM ops.quarantine_batches WHERE state = 'waiting'"


@dataclass(slots=True)
class Driver:
    """The soak's own ticks, one after the other, each for the world's minute of now."""

    platform: Soaked
    world: World
    journal: Journal
    _run: dict[str, Any] | None = None
    _driven: set[datetime] = field(default_factory=set)
    _hindered_by: str = ""

    def look(self) -> None:
        """Take note of the run that is under way, or start the next."""
        try:
            if self._run is not None:
                self._follow(self._run)
            elif _DRIVEN_FROM <= seconds_into_minute() <= _DRIVEN_UNTIL:
                self._start()
        except AWAY as error:
            why = f"{type(error).__name__}: {str(error)[:200]}"
            if why != self._hindered_by:
                self.journal.write("not driven", why=why)
            self._hindered_by = why
            time.sleep(_AWAY_SECONDS)

    def _start(self) -> None:
        slot = datetime.fromtimestamp(self.world.now() // 60 * 60, UTC)
        if slot in self._driven:
            return
        run_id = self.platform.launch_tick(slot)
        self._driven.add(slot)
        self._hindered_by = ""
        self._run = self.journal.write("tick", slot=slot.isoformat(), run_id=run_id)

    def _follow(self, run: dict[str, Any]) -> None:
        status = self.platform.platform.status_of(run["run_id"])
        seconds = time.time() - run["at"]
        if status in _FINISHED or seconds > _TICK_MAY_TAKE_SECONDS:
            self.journal.write("ticked", slot=run["slot"], run_id=run["run_id"], status=status, took=round(seconds, 2))
            self._run = None


def await_first_rows(platform: Soaked, journal: Journal) -> None:
    """Until the market is collected and trades come: a soak of an empty platform would prove little."""
    deadline = time.monotonic() + _FIRST_SECONDS
    wanted = ("market.minute_close", "candles.price_ticks", "candles.minute_candles")
    missing: Sequence[str] = wanted
    while missing and time.monotonic() < deadline:
        missing = [name for name in missing if not platform.platform.rows(f"SELECT 1 FROM {name} LIMIT 1")]  # noqa: S608
        time.sleep(_LOOK_EVERY_SECONDS)
    journal.write("first rows", missing=list(missing))


def disturb(
    platform: Soaked,
    world: World,
    journal: Journal,
    plan: Sequence[Disturbance],
    *,
    seconds: float,
    on_progress: Callable[[float], None],
) -> list[Figures]:
    """Do what is planned, for so long; returns what was measured meanwhile."""
    waiting = list(plan)
    measured = [measure(platform, world)]
    with _catching_up(world, journal, seconds=seconds), _driving(Driver(platform, world, journal)):
        began = time.monotonic()
        while (passed := time.monotonic() - began) < seconds:
            while waiting and waiting[0].at_seconds <= passed:
                _do(platform, world, journal, waiting.pop(0))
            if passed >= len(measured) * MEASURE_EVERY_SECONDS:
                measured.append(measure(platform, world))
                journal.write(
                    "memory", parts={name: round(part.mebibytes) for name, part in measured[-1].parts.items()}
                )
            on_progress(passed)
            time.sleep(_LOOK_EVERY_SECONDS)
    return measured


@contextmanager
def _catching_up(world: World, journal: Journal, *, seconds: float) -> Iterator[None]:
    """The world's time runs fast for so long, and then as ours, on time whatever else is waited for."""
    speed = world.catch_up(seconds=seconds)
    clock = threading.Timer(seconds, world.run_as_ours)
    clock.start()
    journal.write("world", speed=round(speed, 3), world_now=f"{datetime.fromtimestamp(world.now(), UTC):%F %T}")
    try:
        yield
    finally:
        clock.cancel()
        clock.join()
        world.run_as_ours()
        journal.write("world", speed=1.0, world_now=f"{datetime.fromtimestamp(world.now(), UTC):%F %T}")


@contextmanager
def _driving(driver: Driver) -> Iterator[None]:
    """Ticks are driven beside the disturbances: what hangs there must not delay these."""
    stop = threading.Event()

    def drive() -> None:
        while not stop.wait(_LOOK_EVERY_SECONDS):
            driver.look()

    thread = threading.Thread(target=drive, name="driver", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_TICK_MAY_TAKE_SECONDS)


def _do(platform: Soaked, world: World, journal: Journal, one: Disturbance) -> None:
    if one.kind == "fault":
        world.disturb(one)
        journal.write(
            "fault", name=one.name, kind=one.fault_kind, provider=one.provider, seconds=one.seconds, rate=one.rate
        )
        return
    try:
        pid = platform.platform.kill(one.name)
    except (KeyError, OSError) as error:
        journal.write("not killed", part=one.name, why=f"{type(error).__name__}: {error}")
    else:
        journal.write("kill", part=one.name, pid=pid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """How the platform came back."""

    seconds: float
    complaints: Sequence[str]
    """What was still wrong when the patience was over; empty when it recovered."""


def let_recover(platform: Soaked, world: World, journal: Journal, *, patience: float) -> Recovery:
    """No more faults, the world at our pace: wait until all parts are well, nothing is stuck and the doctor agrees."""
    cleared = world.control.clear_faults()
    began = journal.write("cleared", faults=cleared)["at"]
    complaints = ["nothing was looked at"]
    last_round = LastRound(platform)
    while complaints and time.time() - began < patience:
        complaints = _decide(platform, journal) or _complaints(platform, since=began) or last_round.complaints()
        time.sleep(_RECOVERY_LOOK_SECONDS if complaints else 0)
    seconds = round(time.time() - began, 1)
    journal.write("recovered" if not complaints else "not recovered", seconds=seconds, complaints=complaints)
    return Recovery(seconds=seconds, complaints=complaints)


@dataclass(slots=True)
class LastRound:
    """One more tick of each kind in a sound world: what the platform catches up with by itself is there afterwards."""

    platform: Soaked
    _runs: dict[str, str] = field(default_factory=dict)

    def complaints(self) -> list[str]:
        """What has not gone well yet; a run that failed is started once more."""
        found = []
        try:
            for job in (CANDLE_TICK_JOB, TICK_JOB):
                slot = datetime.fromtimestamp(time.time() // 60 * 60, UTC)
                run_id = self._runs.setdefault(job, "") or self.platform.launch_tick(slot, job=job)
                status = self.platform.platform.status_of(run_id)
                self._runs[job] = "" if status in ("FAILURE", "CANCELED") else run_id
                found += [] if status == "SUCCESS" else [f"the last run of {job}, {run_id}, is {status}"]
        except AWAY as error:
            return [f"no last round could be started ({type(error).__name__}: {str(error)[:200]})"]
        return found


def _decide(platform: Soaked, journal: Journal) -> list[str]:
    """What a person does with answers that changed their nature: those that a fault had made so are discarded.

    Others are left, and the doctor goes on telling of them: an alarm without a cause is a break.
    """
    try:
        waiting = platform.platform.rows(_WAITING)
        discarded = [
            f"b{batch_id}"
            for batch_id, provider, at in waiting
            if journal.fault_near(provider, at.timestamp(), kinds=LIES)
        ]
        if discarded:
            platform.command("quarantine", "discard", *discarded, "--reason", "A fault of the soak had made it so.")
            journal.write("discarded", answers=discarded)
    except (*AWAY, CryptoflowError) as error:
        return [f"answers that wait could not be discarded ({type(error).__name__}: {str(error)[:200]})"]
    return []


def _is_late(run: Mapping[str, Any], *, since: float) -> bool:
    """Whether it began before and should be over. History runs write for long what they asked for in their minute."""
    began = float(run["creationTime"])
    is_history = run["jobName"] == HISTORY_JOB and run["status"] == "STARTED"
    return began < since and not (is_history and time.time() - began < _HISTORY_MAY_TAKE_SECONDS)


def _complaints(platform: Soaked, *, since: float) -> list[str]:
    """What is not well yet, the cheapest looks first."""
    try:
        if not platform.platform.is_healthy():
            return ["`cryptoflow status` says that a part is not well"]
        old = [run for run in platform.unfinished_runs() if _is_late(run, since=since)]
        if old:
            return [f"run {run['runId']} of {run['jobName']} is {run['status']} since before" for run in old]
        if waiting := platform.queued_runs():
            return [f"{waiting} runs wait in the broker's queue"]
        found = json.loads(platform.platform.run("doctor", "--json", check=False).stdout)
        return [f"{one['subject']}: {one['what']}" for one in found if _counts(one)]
    except AWAY as error:
        return [f"it could not be asked ({type(error).__name__}: {str(error)[:200]})"]


def _counts(finding: Mapping[str, str]) -> bool:
    """Whether it is broken now. What an hourly look at expectations said stands until the next, whatever is now."""
    return finding["state"] == "broken" and not finding["subject"].startswith(_EXPECTATIONS)
