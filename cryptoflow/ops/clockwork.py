"""Whether Dagster's clockwork moves: its daemons live, schedules and sensors tick, runs begin, and runs end.

How often something ticks is taken from its own past, so that nothing here repeats what a schedule says of itself.
What does not belong here: the processes (doctor), the record's size (event_log), what runs do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

from cryptoflow.ops.finding import Finding, broken, ok, warning
from cryptoflow.ops.rows import DAGSTER_SETTING, rows_in
from cryptoflow.warehouse.records import record_of

# Daemons beat every few seconds; Dagster itself calls one dead after five minutes.
DAEMON_SILENT: Final = timedelta(minutes=5)
# Two ticks that were left out, and time for a busy daemon.
GAPS_LATE: Final = 3
LATE_BESIDES: Final = timedelta(minutes=2)
# What did not tick for this long is no longer in the code: Dagster keeps its row, but its ticks are let go.
TICKS_LOOKED_AT: Final = timedelta(days=7)
FAILED_IN_A_ROW: Final = 3
# What ticks every minute has another chance soon; what ticks this seldom has not.
SELDOM: Final = timedelta(minutes=30)
# Behind a long run a short one waits for minutes; longer means that nobody takes runs.
QUEUED_LONG: Final = timedelta(minutes=15)
STARTING_LONG: Final = timedelta(minutes=12)
CANCELING_LONG: Final = timedelta(minutes=5)
# The bound of run_monitoring in dagster.yaml, for runs without one of their own; it is enforced within minutes.
MOST_RUNTIME: Final = timedelta(seconds=10_800)
ENFORCED_WITHIN: Final = timedelta(minutes=5)
_NAMED: Final = 5

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticker:
    """A schedule or a sensor, and how it ticked lately."""

    name: str
    kind: str
    is_on: bool
    ticked_at: datetime | None
    usual_gap_seconds: float | None
    failed: int
    error: str | None

    @property
    def is_rare(self) -> bool:
        """Whether it has a chance so seldom, or had but one, that one that failed must be told of."""
        return self.usual_gap_seconds is None or self.usual_gap_seconds >= SELDOM.total_seconds()

    def is_late(self, now: datetime) -> bool:
        """Whether it should have ticked again by now, going by its own past."""
        if self.ticked_at is None or self.usual_gap_seconds is None:
            return False
        return now - self.ticked_at > GAPS_LATE * timedelta(seconds=float(self.usual_gap_seconds)) + LATE_BESIDES


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedRun:
    """A run that is not over."""

    run_id: str
    job: str
    status: str
    created_at: datetime
    started_at: datetime | None
    changed_at: datetime
    most_seconds: float | None

    def hangs(self, now: datetime) -> bool:
        """Whether Dagster should have ended it or moved it on by now."""
        if self.status == "STARTED":
            most = MOST_RUNTIME if self.most_seconds is None else timedelta(seconds=self.most_seconds)
            return now - (self.started_at or self.changed_at) > most + ENFORCED_WITHIN
        bounds = {"STARTING": STARTING_LONG, "NOT_STARTED": STARTING_LONG, "CANCELING": CANCELING_LONG}
        return self.status in bounds and now - self.changed_at > bounds[self.status]


def look_at_clockwork(dagster_database_url: str, *, now: datetime) -> list[Finding]:
    """What the doctor says of it; of a database in which Dagster has made nothing yet, that it is well."""

    def found(name: str, kind: Callable[..., T], **parameters: object) -> list[T]:
        rows = rows_in(dagster_database_url, name, parameters or None, setting=DAGSTER_SETTING)
        return [record_of(kind, row) for row in rows]

    daemons = rows_in(dagster_database_url, "dagster/select_daemons", setting=DAGSTER_SETTING)
    tickers = found("dagster/select_tickers", Ticker, since=now - TICKS_LOOKED_AT)
    runs = found("dagster/select_unfinished_runs", UnfinishedRun)
    return [*judge_ticks(tickers, daemons, now=now), *judge_runs(runs, now=now)]


def judge_ticks(tickers: Sequence[Ticker], daemons: Iterable[tuple[str, datetime]], *, now: datetime) -> list[Finding]:
    """Daemons that are silent, and what does not tick though it should. Pure."""
    silent = {name: beat for name, beat in daemons if now - beat > DAEMON_SILENT}
    if silent:
        return [
            broken(
                "schedules",
                f"{len(silent)} of Dagster's daemons are silent since {min(silent.values()):%Y-%m-%d %H:%M} UTC:"
                f" {', '.join(sorted(silent))}",
                cure="The supervisor restarts the daemon; if it does not, read logs/daemon.log. Missed minutes are"
                " refilled where the provider still has them.",
            )
        ]
    findings = [
        *(_off(ticker) for ticker in tickers if not ticker.is_on),
        *(_late(ticker) for ticker in tickers if ticker.is_on and ticker.is_late(now)),
        *(_failing(ticker) for ticker in tickers if ticker.is_on and ticker.failed >= FAILED_IN_A_ROW),
        *(
            _failed_lately(ticker)
            for ticker in tickers
            if ticker.is_on and ticker.is_rare and 0 < ticker.failed < FAILED_IN_A_ROW
        ),
    ]
    ticking = sum(ticker.is_on and ticker.ticked_at is not None for ticker in tickers)
    return findings or [ok("schedules", f"{ticking} schedules and sensors tick")]


def _off(ticker: Ticker) -> Finding:
    return warning(
        "schedules",
        f"the {ticker.kind} {ticker.name} is switched off",
        cure="Switch it on under Automation in the Dagster UI, unless you meant it.",
    )


def _late(ticker: Ticker) -> Finding:
    every = timedelta(seconds=round(ticker.usual_gap_seconds or 0))
    return broken(
        "schedules",
        f"the {ticker.kind} {ticker.name} has not ticked since {ticker.ticked_at:%Y-%m-%d %H:%M} UTC, though it did"
        f" every {every}",
        cure="Automation in the Dagster UI has its ticks, logs/daemon.log the reason. One that a newer version no"
        f" longer has is forgotten after {TICKS_LOOKED_AT.days} days.",
    )


def _failing(ticker: Ticker) -> Finding:
    return broken(
        "schedules",
        f"the last {ticker.failed} ticks of the {ticker.kind} {ticker.name} failed: {_first_line(ticker.error)}",
        cure="Automation in the Dagster UI has each tick with its traceback; it ticks on by itself.",
    )


def _failed_lately(ticker: Ticker) -> Finding:
    return warning(
        "schedules",
        f"the newest tick of the {ticker.kind} {ticker.name}, at {ticker.ticked_at:%Y-%m-%d %H:%M} UTC, failed:"
        f" {_first_line(ticker.error)}",
        cure="Automation in the Dagster UI has the tick with its traceback. What it would have started can be started"
        " there by hand; it ticks again by itself.",
    )


def _first_line(text: str | None) -> str:
    return next((line.strip() for line in (text or "").splitlines() if line.strip()), "no reason was given")


def judge_runs(runs: Sequence[UnfinishedRun], *, now: datetime) -> list[Finding]:
    """Runs that hang, and a queue that nobody empties. Pure."""
    findings = []
    hanging = [run for run in runs if run.hangs(now)]
    if hanging:
        findings.append(
            broken(
                "runs",
                f"{len(hanging)} runs hang: {_named(hanging)}",
                cure="Dagster ends them by itself while its daemon runs; terminate them in the UI if they stay. Their"
                " writes are whole or not there.",
            )
        )
    queued = [run for run in runs if run.status == "QUEUED"]
    if queued and now - queued[0].created_at > QUEUED_LONG:
        findings.append(
            warning(
                "runs",
                f"{len(queued)} runs wait in the queue; the longest waiting: {_named(queued[:1])}",
                cure="See `cryptoflow status` for the workers; raise CRYPTOFLOW_WORKERS when they are all busy.",
            )
        )
    said = f"{len(queued)} runs wait in the queue, {len(runs) - len(queued)} are under way"
    return findings or [ok("runs", said)]


def _named(runs: Sequence[UnfinishedRun]) -> str:
    named = [f"{run.job} {run.run_id[:8]} ({run.status} since {run.changed_at:%H:%M} UTC)" for run in runs[:_NAMED]]
    return ", ".join([*named, *(["and more"] if len(runs) > _NAMED else [])])
