"""Certificates: rows that are what one says pass, and each way in which they are not is named."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from cryptoflow.refine.candle_proof import HASH_RULE, Certificate, MissingSpan, ProofRow, problems, rows_sha256

DAY = datetime(2024, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def row(minute: int, price: str = "10", volume: str = "1") -> ProofRow:
    prices = (Decimal(price),) * 4
    return ProofRow(open_time=DAY + minute * MINUTE, figures=(*prices, Decimal(volume), None, Decimal(3), None, None))


def missing(first: int, last: int, state: str) -> MissingSpan:
    return MissingSpan(starts=DAY + first * MINUTE, ends=DAY + last * MINUTE, state=state, reason=None)


ROWS = [row(0), row(1, volume="0"), row(5)]
CERTIFICATE = Certificate(
    exchange="binance",
    symbol="BTCUSDT",
    day=DAY,
    expected_minutes=9,
    observed_minutes=3,
    traded_minutes=2,
    confirmed_empty_minutes=1,
    source_has_none_minutes=2,
    unknown_minutes=3,
    missing=(
        missing(2, 4, "source_has_none"),
        missing(4, 5, "confirmed_empty"),
        missing(6, 8, "feed_down"),
        missing(8, 9, "pending"),
        missing(9, 20, "not_due"),
    ),
    rows_sha256=rows_sha256(ROWS),
    hash_rule=HASH_RULE,
    issued_at=DAY,
)


def test_rows_that_are_what_it_says_pass_in_any_order() -> None:
    assert problems(CERTIFICATE, ROWS) == []
    assert problems(CERTIFICATE, ROWS[::-1]) == []


def test_trailing_zeros_and_exponents_say_nothing_new() -> None:
    assert problems(CERTIFICATE, [row(0, "1E+1", "1.000"), row(1, "10.0", "0.00"), row(5)]) == []


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([ROWS[0], ROWS[1]], "observed minutes: the certificate says 3, it is 2"),
        ([*ROWS, ROWS[0]], "a minute stands twice"),
        ([*ROWS[:2], row(5, "10.00000001")], "the hash over the rows is"),
        ([*ROWS[:2], row(5, volume="0")], "traded minutes: the certificate says 2, it is 1"),
        ([*ROWS[:2], row(3)], "rows of minutes that the certificate says are missing"),
        ([*ROWS[:2], row(1440)], "rows that are of no minute of the day"),
    ],
)
def test_rows_that_are_not_what_it_says_are_named(rows: list[ProofRow], words: str) -> None:
    assert any(words in problem for problem in problems(CERTIFICATE, rows))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"unknown_minutes": 2}, "unknown minutes: the certificate says 2, it is 3"),
        ({"confirmed_empty_minutes": 2}, "minutes confirmed empty: the certificate says 2, it is 1"),
        ({"expected_minutes": 1440}, "expected minutes: the certificate says 1440, it is 9"),
        ({"hash_rule": "another"}, "its hash was made by another rule: another"),
        ({"rows_sha256": "00"}, "the certificate says 00"),
    ],
)
def test_a_certificate_that_was_changed_is_found_out(changes: dict[str, object], words: str) -> None:
    changed = replace(CERTIFICATE, **changes)  # type: ignore[arg-type]
    assert any(words in problem for problem in problems(changed, ROWS))
