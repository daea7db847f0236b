"""Alerts, kept and told: one round looks, brings ops.alerts up to date, and tells each sink its news in one message.

A sink that does not take its news is told again in the next round; the others are not. State is written before anything
is sent, so a process that dies in between repeats a message at worst.
What does not belong here: looking (doctor), when to tell (alerting), how to send (alert_sinks), when it is due (defs).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from cryptoflow.ops.alert_sinks import Sink, SinkFailed
from cryptoflow.ops.alerting import Alert, Severity, after_look, headline, message, news_for, told
from cryptoflow.ops.finding import Finding
from cryptoflow.warehouse.pool import Connection, transaction
from cryptoflow.warehouse.statements import statement
from cryptoflow.warehouse.storable import storable_json

logger = logging.getLogger(__name__)

RECENT_DAYS: Final = 7
# Rounds take turns: the number is arbitrary and only has to be the same everywhere.
_LOCK_KEY: Final = 7_246_010
_SETS: Final = ("told_to", "told_over_to")


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round did."""

    alerts: Sequence[Alert]
    messages: int
    failures: Sequence[str]

    @property
    def open(self) -> list[Alert]:
        """What is broken now and told."""
        return [alert for alert in self.alerts if alert.state == "open"]


def go_round(
    database_url: str,
    look: Callable[[], Sequence[Finding]],
    sinks: Sequence[Sink],
    *,
    now: datetime,
    after: int,
    level: Severity,
) -> Round:
    """Look, keep, tell."""
    findings = look()
    with transaction(database_url) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK_KEY,))
        alerts = after_look(_living(connection), findings, now=now, after=after, level=level)
        _keep(connection, alerts)
    messages, failures = 0, []
    for sink in sinks:
        news = news_for(sink.name, alerts)
        if not news:
            continue
        try:
            sink.send(headline(news), message(news))
        except SinkFailed as error:
            logger.warning("%s", error)
            failures.append(str(error))
            continue
        messages += 1
        alerts = told(alerts, sink.name, news, now=now)
        with transaction(database_url) as connection:
            _keep(connection, alerts)
    return Round(alerts=alerts, messages=messages, failures=failures)


def recent_alerts(database_url: str) -> list[Alert]:
    """What is broken or suspected, and what was in the last days; what is open first."""
    with transaction(database_url) as connection:
        rows = connection.execute(statement("ops/select_alerts"), {"since_days": RECENT_DAYS}).fetchall()
    return [_alert(row) for row in rows]


def try_sinks(sinks: Sequence[Sink], *, host: str) -> dict[str, str | None]:
    """Send a trial message through every sink; returns by sink what went wrong, None when nothing did."""
    outcome: dict[str, str | None] = {}
    for sink in sinks:
        try:
            sink.send(
                "cryptoflow: this is a test",
                f"Cause: `cryptoflow alerts test` was run on {host}.\nExtent: nothing is broken.\nCure: none needed.",
            )
        except SinkFailed as error:
            outcome[sink.name] = str(error)
        else:
            outcome[sink.name] = None
    return outcome


def _living(connection: Connection) -> list[Alert]:
    return [_alert(row) for row in connection.execute(statement("ops/select_living_alerts"))]


def _alert(row: Sequence[Any]) -> Alert:
    values = dict(zip(Alert.__dataclass_fields__, row, strict=True))
    return Alert(**values | {name: frozenset(values[name]) for name in _SETS})


def _keep(connection: Connection, alerts: Sequence[Alert]) -> None:
    if alerts:
        connection.execute(statement("ops/upsert_alerts"), {"rows": storable_json([_row(alert) for alert in alerts])})


def _row(alert: Alert) -> dict[str, object]:
    return {
        name: sorted(value) if name in _SETS else value.isoformat() if isinstance(value, datetime) else value
        for name, value in asdict(alert).items()
    }
