"""When to tell: what is broken N times in a row is told once; what is well N times in a row is told once to be over.

Pure: findings and alerts in, alerts out, and who is still to be told what. Nothing is repeated, nothing is told of what
passes by itself, and who was not told that something broke is not told that it is over.
What does not belong here: looking (doctor), keeping (alerts), sending (alert_sinks).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from cryptoflow.ops.finding import Finding

State = Literal["suspected", "open", "healed", "passed"]
Severity = Literal["warning", "broken"]
_GRAVITY: Final = {"ok": 0, "warning": 1, "broken": 2}
_SHOWN_CAUSES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One thing that is or was broken. The fields are the columns of ops.alerts."""

    subject: str
    since: datetime
    state: State
    severity: Severity
    seen: int
    well: int
    cause: str
    extent: str
    cure: str
    last_seen_at: datetime
    ended_at: datetime | None = None
    last_told_at: datetime | None = None
    told_to: frozenset[str] = frozenset()
    told_over_to: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What one sink is still to be told."""

    broken: Sequence[Alert]
    over: Sequence[Alert]

    def __bool__(self) -> bool:
        return bool(self.broken or self.over)


def after_look(
    alerts: Iterable[Alert], findings: Iterable[Finding], *, now: datetime, after: int, level: Severity
) -> list[Alert]:
    """The alerts after a look, those that were and those that are new. `after` is how many looks in a row count."""
    broken = _broken_subjects(findings, level=level)
    living = {alert.subject: alert for alert in alerts if alert.state in {"suspected", "open"}}
    settled = [alert for alert in alerts if alert.state not in {"suspected", "open"}]
    seen = [_seen(living.get(subject), subject, found, now=now, after=after) for subject, found in broken.items()]
    unseen = [_unseen(alert, now=now, after=after) for subject, alert in living.items() if subject not in broken]
    return [*settled, *unseen, *seen]


def _broken_subjects(findings: Iterable[Finding], *, level: Severity) -> Mapping[str, list[Finding]]:
    grouped: dict[str, list[Finding]] = {}
    for finding in findings:
        if _GRAVITY[finding.state] >= _GRAVITY[level]:
            grouped.setdefault(finding.subject, []).append(finding)
    return grouped


def _seen(known: Alert | None, subject: str, found: Sequence[Finding], *, now: datetime, after: int) -> Alert:
    severity: Severity = "broken" if any(finding.state == "broken" for finding in found) else "warning"
    alert = known or Alert(
        subject=subject, since=now, state="suspected", severity=severity, seen=0, well=0, cause="", extent="", cure="",
        last_seen_at=now,
    )  # fmt: skip
    causes = list(dict.fromkeys(finding.what for finding in found))
    cures = list(dict.fromkeys(finding.cure for finding in found if finding.cure))
    seen = alert.seen + 1
    findings = "1 finding" if len(causes) == 1 else f"{len(causes)} findings"
    looks = "once" if seen == 1 else f"in {seen} looks"
    return replace(
        alert,
        state="open" if seen >= after or alert.state == "open" else "suspected",
        severity="broken" if "broken" in {alert.severity, severity} else "warning",
        seen=seen,
        well=0,
        cause="; ".join([*causes[:_SHOWN_CAUSES], *(["and more"] if len(causes) > _SHOWN_CAUSES else [])]),
        extent=f"{findings}, seen {looks} since {alert.since:%Y-%m-%d %H:%M} UTC",
        cure=" ".join(cures[:_SHOWN_CAUSES]) or "See `cryptoflow doctor`.",
        last_seen_at=now,
    )


def _unseen(alert: Alert, *, now: datetime, after: int) -> Alert:
    if alert.state == "suspected":
        return replace(alert, state="passed", ended_at=now)
    well = alert.well + 1
    return replace(alert, well=well, state="healed", ended_at=now) if well >= after else replace(alert, well=well)


def news_for(sink: str, alerts: Iterable[Alert]) -> News:
    """What the sink is still to be told."""
    known = list(alerts)
    return News(
        broken=[alert for alert in known if alert.state == "open" and sink not in alert.told_to],
        over=[
            alert
            for alert in known
            if alert.state == "healed" and sink in alert.told_to and sink not in alert.told_over_to
        ],
    )


def told(alerts: Iterable[Alert], sink: str, news: News, *, now: datetime) -> list[Alert]:
    """The alerts after the sink has taken the news."""
    broken, over = ({(alert.subject, alert.since) for alert in part} for part in (news.broken, news.over))
    after: list[Alert] = []
    for alert in alerts:
        key = (alert.subject, alert.since)
        if key in broken:
            after.append(replace(alert, told_to=alert.told_to | {sink}, last_told_at=now))
        elif key in over:
            after.append(replace(alert, told_over_to=alert.told_over_to | {sink}, last_told_at=now))
        else:
            after.append(alert)
    return after


def headline(news: News) -> str:
    """The news in one line."""
    parts = [
        f"{len(alerts)} {word}: {', '.join(alert.subject for alert in alerts)}"
        for word, alerts in (("broken", news.broken), ("well again", news.over))
        if alerts
    ]
    return "cryptoflow: " + "; ".join(parts)


def message(news: News) -> str:
    """The news with cause, extent and cure of each: one message, however much is broken."""
    broken = [
        f"{alert.severity.upper()}: {alert.subject}\nCause: {alert.cause}\nExtent: {alert.extent}\nCure: {alert.cure}"
        for alert in news.broken
    ]
    over = [
        f"WELL AGAIN: {alert.subject}\nCause: {alert.cause}\nExtent: from {alert.since:%Y-%m-%d %H:%M} to"
        f" {alert.ended_at:%Y-%m-%d %H:%M} UTC\nCure: none needed any more."
        for alert in news.over
    ]
    return "\n\n".join([*broken, *over])
