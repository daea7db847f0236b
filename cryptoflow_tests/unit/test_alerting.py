"""When something is told: after N looks in a row, once; over after N looks in a row, once; never a storm."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cryptoflow.errors import UsageError
from cryptoflow.ops.alert_sinks import LogSink, MailSink, WebhookSink, sinks_of
from cryptoflow.ops.alerting import Alert, Severity, after_look, headline, message, news_for, told
from cryptoflow.ops.finding import Finding, broken, ok, warning
from cryptoflow.ops.quality_findings import LATE, judge_looks, judge_results
from cryptoflow.quality.results import Result
from cryptoflow.settings import load_settings

START = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
DOWN = broken("database", "does not answer", cure="Start it.")
SLOW = warning("cache", "is slow", cure="Wait.")


def tell(*looks: list[Finding], after: int = 3, level: Severity = "broken") -> tuple[list[Alert], list[str]]:
    """The alerts after these looks, a minute apart, and what a sink was told, line by line."""
    alerts: list[Alert] = []
    lines: list[str] = []
    for number, findings in enumerate(looks):
        now = START + timedelta(minutes=number)
        alerts = after_look(alerts, findings, now=now, after=after, level=level)
        news = news_for("log", alerts)
        if news:
            lines.append(headline(news))
            alerts = told(alerts, "log", news, now=now)
    return alerts, lines


def test_it_is_told_once_after_three_looks_and_once_when_it_is_over() -> None:
    (alert,), lines = tell(*[[DOWN]] * 10, *[[]] * 10)
    assert lines == ["cryptoflow: 1 broken: database", "cryptoflow: 1 well again: database"]
    assert (alert.state, alert.seen, alert.since) == ("healed", 10, START)
    assert alert.ended_at == START + timedelta(minutes=12)


def test_what_passes_by_itself_is_not_told() -> None:
    alerts, lines = tell([DOWN], [DOWN], [], [DOWN], [DOWN], [ok("database", "answers")])
    assert lines == []
    assert [alert.state for alert in alerts] == ["passed", "passed"]


def test_what_flickers_while_it_is_open_is_told_once() -> None:
    (alert,), lines = tell(*[[DOWN]] * 3, *[[], [], [DOWN]] * 4)
    assert lines == ["cryptoflow: 1 broken: database"]
    assert alert.state == "open"


def test_much_that_breaks_at_once_is_one_message() -> None:
    many = [broken(f"part {number}", "is gone", cure="Look.") for number in range(40)]
    _, lines = tell(*[many] * 5)
    assert len(lines) == 1
    assert lines[0].startswith("cryptoflow: 40 broken: part 0, part 1")


def test_warnings_are_told_only_when_they_are_asked_for() -> None:
    assert tell(*[[SLOW]] * 5) == ([], [])
    (alert,), lines = tell(*[[SLOW]] * 5, level="warning")
    assert lines == ["cryptoflow: 1 broken: cache"]
    assert alert.severity == "warning"


def test_an_alert_carries_cause_extent_and_cure_of_all_that_was_found() -> None:
    findings = [DOWN, broken("database", "migrations are missing", cure="Run them."), SLOW]
    alerts = after_look([], findings, now=START, after=1, level="broken")
    text = message(news_for("log", alerts))
    assert text == (
        "BROKEN: database\nCause: does not answer; migrations are missing\n"
        "Extent: 2 findings, seen once since 2026-03-04 12:00 UTC\nCure: Start it. Run them."
    )


def test_who_was_not_told_that_it_broke_is_not_told_that_it_is_over() -> None:
    alerts = after_look([], [DOWN], now=START, after=1, level="broken")
    alerts = told(alerts, "log", news_for("log", alerts), now=START)
    alerts = after_look(alerts, [], now=START, after=1, level="broken")
    assert not news_for("mail", alerts)
    assert [alert.subject for alert in news_for("log", alerts).over] == ["database"]


def test_the_same_thing_again_is_a_new_alert() -> None:
    alerts, lines = tell([DOWN], [], [DOWN], after=1)
    assert [line.split(": ", 1)[1] for line in lines] == [
        "1 broken: database", "1 well again: database", "1 broken: database",
    ]  # fmt: skip
    assert {alert.since for alert in alerts} == {START, START + timedelta(minutes=2)}


def test_the_settings_name_the_sinks() -> None:
    assert [sink.name for sink in sinks_of(load_settings())] == ["log"]
    log, webhook, mail = sinks_of(
        load_settings(
            alert_webhook_url="https://hooks.example/s3cret",
            alert_smtp_url="smtps://me%40x:p%2Fw@mail.example",
            alert_mail_from="a@x",
            alert_mail_to="b@x, c@x",
        )
    )
    assert isinstance(log, LogSink)
    assert isinstance(webhook, WebhookSink)
    assert isinstance(mail, MailSink)
    assert (mail.host, mail.port, mail.encrypted, mail.user, mail.password) == (
        "mail.example", 465, True, "me@x", "p/w",
    )  # fmt: skip
    assert mail.recipients == ["b@x", "c@x"]
    assert "s3cret" not in repr(webhook)
    assert "p/w" not in repr(mail)


@pytest.mark.parametrize("url", ["mail.example", "http://mail.example", "smtp://", "smtp://host:port"])
def test_a_url_that_is_no_mail_server_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="is not an SMTP URL"):
        sinks_of(load_settings(alert_smtp_url=url, alert_mail_from="a@x", alert_mail_to="b@x"))


def test_a_mail_server_without_addresses_is_refused() -> None:
    with pytest.raises(UsageError, match="not who writes to whom"):
        sinks_of(load_settings(alert_smtp_url="smtp://mail.example"))


def result(dataset: str, severity: str, error: str | None = None) -> Result:
    return Result(
        dataset=dataset, suite="contract", expectation="key.unique", severity=severity, success=False,
        evaluated=None if error else 10, unexpected=None if error else 2, evaluated_at=START, what="w", sample=None,
        error=error,
    )  # fmt: skip


def test_expectations_that_do_not_hold_are_findings_by_table() -> None:
    found = judge_results(
        [result("market.a", "error"), result("market.a", "error", "gone"), result("market.b", "warning")]
    )
    assert [(finding.subject, finding.state) for finding in found] == [("quality of market.a", "broken")]
    assert "key.unique (2 of 10 rows), key.unique (not looked at)" in found[0].what
    assert judge_results([]) == []


def test_a_look_that_is_late_by_more_than_one_is_told() -> None:
    assert judge_looks(START - LATE, now=START) == []
    (late,) = judge_looks(START - LATE - timedelta(seconds=1), now=START)
    assert (late.subject, late.state, "2026-03-04 09:29" in late.what) == ("quality", "warning", True)
    assert [one.state for one in judge_looks(None, now=START)] == ["ok"]
