"""Spans and instants as a person writes them on the command line."""

from __future__ import annotations

import pytest

from cryptoflow.cli.simulate import parse_duration, parse_instant
from cryptoflow.errors import UsageError


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30.0), ("5m", 300.0), ("1.5h", 5_400.0), ("90", 90.0)])
def test_spans(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["five", "5 weeks", "-3s", ""])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a time span"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["2026-01-01T12:00:00", "2026-01-01T13:00:00+01:00", "1767268800"])
def test_instants(text: str) -> None:
    assert parse_instant(text) == 1_767_268_800.0


def test_what_is_no_instant_is_refused() -> None:
    with pytest.raises(UsageError, match="not an instant"):
        parse_instant("tomorrow")
