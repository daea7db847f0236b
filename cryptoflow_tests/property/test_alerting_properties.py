"""Alerts under any sequence of looks: told and over alternate, and nothing is told without cause."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise

from hypothesis import given
from hypothesis import strategies as st

from cryptoflow.ops.alerting import Alert, after_look, news_for, told
from cryptoflow.ops.finding import broken

SUBJECTS = ("a", "b")
START = datetime(2026, 1, 1, tzinfo=UTC)


@given(
    looks=st.lists(st.frozensets(st.sampled_from(SUBJECTS)), max_size=40),
    after=st.integers(1, 4),
    takes=st.lists(st.booleans(), min_size=40, max_size=40),
)
def test_told_and_over_alternate_and_every_long_outage_is_told(
    looks: list[frozenset[str]], after: int, takes: list[bool]
) -> None:
    alerts: list[Alert] = []
    heard: dict[str, list[str]] = {subject: [] for subject in SUBJECTS}
    for number, down in enumerate(looks):
        now = START + timedelta(minutes=number)
        findings = [broken(subject, "gone", cure="Look.") for subject in sorted(down)]
        alerts = after_look(alerts, findings, now=now, after=after, level="broken")
        news = news_for("log", alerts)
        if news and takes[number]:
            for kind, part in (("broken", news.broken), ("over", news.over)):
                for alert in part:
                    heard[alert.subject].append(kind)
            alerts = told(alerts, "log", news, now=now)
    for subject, kinds in heard.items():
        outages = [len(list(run)) for is_down, run in groupby(looks, key=lambda down: subject in down) if is_down]
        long = sum(length >= after for length in outages)
        assert kinds.count("broken") <= long
        assert kinds.count("over") <= kinds.count("broken")
        if all(takes[: len(looks)]) and long:
            assert kinds[:1] == ["broken"]
            assert all(one != other for one, other in pairwise(kinds))
