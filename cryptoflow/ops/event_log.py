"""How large Dagster's own database is, and whether its pruning keeps up.

What does not belong here: pruning (dagster_pruning).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptoflow.ops.finding import Finding, ok, warning
from cryptoflow.ops.rows import DAGSTER_SETTING, rows_in
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.records import record_of
from cryptoflow.warehouse.statements import statement

# What a minute job and hourly checks leave of a few days is a tenth of this.
MOST_BYTES: Final = 5 * 1024**3
# Pruning runs every hour; runs that are this much over their time were left by many rounds of it.
LATE: Final = timedelta(days=2)
_GIBIBYTE: Final = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLog:
    """Figures of Dagster's own database."""

    database_bytes: int
    event_log_bytes: int
    events_estimated: int
    runs: int
    oldest_success: datetime | None


def measure_event_log(dagster_database_url: str) -> EventLog:
    """Read the figures."""
    with transaction(dagster_database_url) as connection:
        row = connection.execute(statement("dagster/select_event_log_size")).fetchone()
    assert row is not None
    return record_of(EventLog, row)


def look_at_event_log(dagster_database_url: str, *, keep: timedelta, now: datetime) -> list[Finding]:
    """What the doctor says of it; a database in which Dagster has not made its tables yet has nothing to prune."""
    found = rows_in(dagster_database_url, "dagster/select_event_log_size", setting=DAGSTER_SETTING)
    return [judge_event_log(record_of(EventLog, row), keep=keep, now=now) for row in found] or [
        ok("event log", "Dagster has recorded nothing yet")
    ]


def judge_event_log(found: EventLog, *, keep: timedelta, now: datetime) -> Finding:
    """One finding from the figures. Pure."""
    said = f"{found.event_log_bytes / _GIBIBYTE:.2f} GiB of events, {found.runs} runs"
    if found.oldest_success is not None and now - found.oldest_success > keep + LATE:
        return warning(
            "event log",
            f"{said}; the oldest successful run ended {found.oldest_success:%Y-%m-%d}, though runs are kept {keep.days}"
            " days",
            cure="See the runs of dagster_pruning_job in Dagster; its schedule dagster_pruning_hourly must be running.",
        )
    if found.event_log_bytes > MOST_BYTES:
        return warning(
            "event log",
            said,
            cure="Lower CRYPTOFLOW_RUN_RETENTION_DAYS; `VACUUM FULL event_logs` on Dagster's database gives room back.",
        )
    return ok("event log", said)
