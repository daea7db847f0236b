"""Alerts on real parts: kept in the database, posted and mailed to real servers, each told once."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from cryptoflow.cli.main import app
from cryptoflow.defs.care.automation import alerts_every_minute
from cryptoflow.defs.platform.resources import WarehouseResource
from cryptoflow.ops.alert_sinks import sinks_of
from cryptoflow.ops.alerts import Round, go_round, recent_alerts
from cryptoflow.ops.finding import Finding, broken
from cryptoflow.settings import load_settings
from cryptoflow_tests.closes_model import rows
from cryptoflow_tests.platform.receiving_servers import Hook, Mailbox, running_hook, running_mailbox
from cryptoflow_tests.platform.test_dagster_pruning import instance_on

DOWN = broken("workers", "0 of 1 workers beat", cure="Read the worker's log.")
START = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def hook() -> Iterator[Hook]:
    with running_hook() as found:
        yield found


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with running_mailbox() as found:
        yield found


@pytest.fixture
def url(database_url: str, hook: Hook, box: Mailbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A warehouse, and settings that name it and both servers."""
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "DATABASE_URL": database_url,
        "DAGSTER_DATABASE_URL": database_url,
        "HOME": str(tmp_path / "home"),
        "ALERT_WEBHOOK_URL": hook.url,
        "ALERT_SMTP_URL": f"smtp://{box.host}:{box.port}",
        "ALERT_MAIL_FROM": "cryptoflow@here.example",
        "ALERT_MAIL_TO": "first@there.example, second@there.example",
    }.items():
        monkeypatch.setenv(f"CRYPTOFLOW_{name}", value)
    return database_url


def go(url: str, minute: int, *findings: Finding) -> Round:
    return go_round(
        url,
        lambda: findings,
        sinks_of(load_settings()),
        now=START + timedelta(minutes=minute),
        after=2,
        level="broken",
    )


def run(*words: str) -> Any:
    return CliRunner().invoke(app, ["alerts", *words], catch_exceptions=False)


def test_one_message_when_it_breaks_and_one_when_it_heals_to_everyone(
    url: str, hook: Hook, box: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="cryptoflow.alerts"):
        for minute in range(6):
            go(url, minute, DOWN)
        for minute in range(6, 12):
            go(url, minute)
    told = [record.getMessage() for record in caplog.records if record.name == "cryptoflow.alerts"]
    assert [line.partition("\n")[0] for line in told] == [
        "cryptoflow: 1 broken: workers",
        "cryptoflow: 1 well again: workers",
    ]
    assert len(hook.posted) == len(box.mails) == 2
    text = hook.posted[0]["text"]
    assert text.startswith("*cryptoflow: 1 broken: workers*\nBROKEN: workers\nCause: 0 of 1 workers beat\nExtent: ")
    assert "Cure: Read the worker's log." in text
    recipients, mail = box.mails[1]
    assert recipients == ["first@there.example", "second@there.example"]
    assert mail["Subject"] == "cryptoflow: 1 well again: workers"
    assert "WELL AGAIN: workers" in str(mail.get_payload())
    ((state, seen, told_to, told_over_to),) = rows(url, "SELECT state, seen, told_to, told_over_to FROM ops.alerts")
    assert (state, seen, told_to, told_over_to) == ("healed", 6, ["log", "mail", "webhook"], ["log", "mail", "webhook"])


def test_who_does_not_take_it_is_told_later_and_the_others_are_not_told_twice(
    url: str, hook: Hook, box: Mailbox
) -> None:
    hook.status = 503
    go(url, 0, DOWN)
    failed = go(url, 1, DOWN)
    assert len(failed.failures) == 1
    assert "HTTP 503" in failed.failures[0]
    assert "s3cret" not in failed.failures[0]
    hook.status = 200
    assert go(url, 2, DOWN).failures == []
    assert go(url, 3, DOWN).messages == 0
    assert (len(hook.posted), len(box.mails)) == (1, 1)


def test_a_server_that_is_gone_is_a_failure_and_no_crash(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRYPTOFLOW_ALERT_SMTP_URL", "smtp://127.0.0.1:1")
    monkeypatch.setenv("CRYPTOFLOW_ALERT_WEBHOOK_URL", "http://127.0.0.1:1/")
    go(url, 0, DOWN)
    done = go(url, 1, DOWN)
    assert len(done.failures) == 2
    assert [alert.subject for alert in done.open] == ["workers"]
    (alert,) = recent_alerts(url)
    assert alert.told_to == {"log"}


def test_the_command_lists_alerts_with_cause_extent_and_cure(url: str) -> None:
    go(url, 0, DOWN)
    go(url, 1, DOWN)
    (alert,) = json.loads(run("--json").stdout)
    assert (alert["subject"], alert["state"], alert["told_to"]) == ("workers", "open", ["log", "mail", "webhook"])
    assert all(alert[name] for name in ("cause", "extent", "cure"))
    assert "0 of 1 workers beat" in run().stdout


def test_the_trial_reaches_every_sink_and_says_who_did_not_take_it(url: str, hook: Hook, box: Mailbox) -> None:
    done = run("test")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == ["log: taken", "webhook: taken", "mail: taken"]
    assert "this is a test" in hook.posted[0]["text"]
    assert box.mails[0][1]["Subject"] == "cryptoflow: this is a test"
    hook.status = 404
    done = run("test")
    assert done.exit_code == 1
    assert "webhook: The alert was not taken by the webhook sink: HTTP 404." in done.stdout
    assert rows(url, "SELECT count(*) FROM ops.alerts") == [(0,)]


def test_the_sensor_asks_the_real_doctor_and_launches_nothing(
    url: str,
    empty_database_url: str,
    hook: Hook,
    valkey_url: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("CRYPTOFLOW_DAGSTER_DATABASE_URL", empty_database_url)
    monkeypatch.setenv("CRYPTOFLOW_REDIS_URL", valkey_url)
    monkeypatch.setenv("CRYPTOFLOW_ALERT_AFTER", "1")
    with instance_on(empty_database_url, tmp_path / "dagster") as instance:
        context = dg.build_sensor_context(instance=instance, resources={"warehouse": WarehouseResource()})
        first, second = (alerts_every_minute(context) for _ in range(2))
    assert isinstance(first, dg.SkipReason)
    assert "workers" in str(first.skip_message)
    assert "0 messages sent" in str(second.skip_message)
    assert len(hook.posted) == 1
    assert "0 of 2 workers beat" in hook.posted[0]["text"]
