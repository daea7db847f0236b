"""Missing minutes: found wherever they are, each with what is known of it; compared and certified days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest

from cryptoflow.errors import UsageError
from cryptoflow.refine.candle_proof import ROW_FIELDS, Certificate, ProofRow, problems
from cryptoflow.warehouse.candle_certificates import certified_rows, issue_certificate
from cryptoflow.warehouse.candle_comparison import Comparison, compare_candles
from cryptoflow.warehouse.candle_gaps import MissingState, find_candle_gaps, tell_candle_slots
from cryptoflow.warehouse.candles import Candle
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.symbols import find_symbol
from cryptoflow_tests.candles_model import LATER, MINUTE, candle, rows, store, symbol_id

DAY = datetime(2024, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
Told = tuple[datetime, datetime, str]


@pytest.fixture
def followed(database_url: str) -> str:
    """A warehouse with one symbol that is traded and was never delisted."""
    assert symbol_id(database_url) == 1
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE candles.symbols SET status = 'trading'")
    return database_url


def minutes(first: datetime, last: datetime, *, without: set[datetime] | None = None) -> list[Candle]:
    every = [first + step * MINUTE for step in range((last - first) // MINUTE)]
    return [candle(at, "10") for at in every if at not in (without or set())]


def gaps(database_url: str, *, now: datetime, start: datetime | None = None, end: datetime | None = None) -> list[Told]:
    with transaction(database_url) as connection:
        found = find_candle_gaps(connection, 1, now=now, start=start, end=end)
    return [(one.starts, one.ends, one.state) for one in found]


def tell(
    database_url: str, start: datetime, end: datetime, state: MissingState, *, asked: bool = True, reason: str = ""
) -> None:
    with transaction(database_url) as connection:
        tell_candle_slots(connection, 1, [(start, end)], state=state, reason=reason or None, asked=asked)


def test_nothing_is_missing_of_what_nobody_knows(followed: str) -> None:
    assert gaps(followed, now=LATER) == []


def test_holes_are_found_in_old_history_and_at_the_end(followed: str) -> None:
    alone = DAY + 5 * HOUR + 7 * MINUTE
    store(followed, *minutes(DAY, DAY + 30 * HOUR, without={alone, DAY, DAY + 30 * HOUR - MINUTE}))
    now = DAY + 32 * HOUR
    assert gaps(followed, now=now) == [
        (alone, alone + MINUTE, "pending"),
        (DAY + 30 * HOUR - MINUTE, now - 2 * MINUTE, "pending"),
    ]
    with psycopg.connect(followed) as connection:
        connection.execute("UPDATE candles.symbols SET listed_at = %s", (DAY - 3 * HOUR,))
    assert gaps(followed, now=now)[0] == (DAY - 3 * HOUR, DAY + MINUTE, "pending")
    assert gaps(followed, now=now, start=DAY + HOUR, end=DAY + 6 * HOUR) == [(alone, alone + MINUTE, "pending")]
    assert gaps(followed, now=now, start=alone, end=alone + 30 * timedelta(seconds=1)) == []


def test_whole_days_and_hours_that_are_missing_are_one_gap(followed: str) -> None:
    store(followed, candle(DAY), candle(DAY + 90 * HOUR))
    assert gaps(followed, now=DAY + 90 * HOUR + 3 * MINUTE) == [(DAY + MINUTE, DAY + 90 * HOUR, "pending")]


def test_a_minute_that_is_only_reckoned_is_to_be_confirmed(followed: str) -> None:
    alone, now = DAY + 90 * MINUTE, DAY + 24 * HOUR + 2 * MINUTE
    store(followed, *minutes(DAY, DAY + 24 * HOUR, without={alone}))
    store(followed, candle(alone), source="trades")
    assert gaps(followed, now=now) == [(alone, alone + MINUTE, "pending")]
    store(followed, candle(alone), source="rest")
    assert gaps(followed, now=now) == []


def test_nothing_is_expected_after_a_symbol_has_left_or_of_one_that_nobody_follows(followed: str) -> None:
    store(followed, candle(DAY))
    with psycopg.connect(followed) as connection:
        connection.execute("UPDATE candles.symbols SET delisted_at = %s", (DAY + 3 * MINUTE,))
    assert gaps(followed, now=LATER) == [(DAY + MINUTE, DAY + 3 * MINUTE, "pending")]
    with psycopg.connect(followed) as connection:
        connection.execute("UPDATE candles.symbols SET delisted_at = NULL, status = 'unknown'")
    assert gaps(followed, now=LATER) == []


def test_each_missing_minute_has_the_state_that_was_told(followed: str) -> None:
    store(followed, candle(DAY), candle(DAY + 20 * MINUTE))
    tell(followed, DAY, DAY + 10 * MINUTE, "feed_down", asked=False)
    tell(followed, DAY + 5 * MINUTE, DAY + 8 * MINUTE, "source_has_none")
    # Who knows less does not overrule who knows more; who knows as much does.
    tell(followed, DAY + 4 * MINUTE, DAY + 7 * MINUTE, "throttled")
    tell(followed, DAY + 7 * MINUTE, DAY + 9 * MINUTE, "confirmed_empty")
    assert gaps(followed, now=DAY + 23 * MINUTE) == [
        (DAY + MINUTE, DAY + 4 * MINUTE, "feed_down"),
        (DAY + 4 * MINUTE, DAY + 5 * MINUTE, "throttled"),
        (DAY + 5 * MINUTE, DAY + 7 * MINUTE, "source_has_none"),
        (DAY + 7 * MINUTE, DAY + 8 * MINUTE, "confirmed_empty"),
        (DAY + 8 * MINUTE, DAY + 9 * MINUTE, "confirmed_empty"),
        (DAY + 9 * MINUTE, DAY + 10 * MINUTE, "feed_down"),
        (DAY + 10 * MINUTE, DAY + 20 * MINUTE, "pending"),
    ]
    asked = rows(followed, "SELECT state, times_asked FROM candles.candle_slots ORDER BY starts")
    assert asked == [
        ("feed_down", 0),
        ("throttled", 1),
        ("source_has_none", 1),
        ("confirmed_empty", 2),
        ("confirmed_empty", 1),
        ("feed_down", 0),
    ]
    store(followed, candle(DAY + 5 * MINUTE), candle(DAY + 6 * MINUTE))
    assert (DAY + 5 * MINUTE, DAY + 7 * MINUTE, "source_has_none") not in gaps(followed, now=DAY + 23 * MINUTE)


def compare(database_url: str, theirs: list[Candle], interval: str = "5m") -> Comparison:
    with transaction(database_url) as connection:
        return compare_candles(
            connection, theirs, symbol_id=1, interval=interval, start=DAY, end=DAY + HOUR, found_at=LATER
        )


def test_differences_with_the_exchange_are_kept_and_settled(followed: str) -> None:
    store(followed, candle(DAY, "10 12 9 11"), candle(DAY + 10 * MINUTE, "11"))
    same = [candle(DAY, "10 12 9 11"), candle(DAY + 10 * MINUTE, "11")]
    assert compare(followed, same) == Comparison(compared=2, differing=0, new_differences=0, settled=0)
    assert compare(followed, [candle(DAY, "10 13 9 11"), candle(DAY + 5 * MINUTE, "7")]) == Comparison(
        compared=3, differing=3, new_differences=3, settled=0
    )
    kept = "SELECT open_time, field, ours, theirs, settled_at FROM candles.candle_differences ORDER BY 1, 2"
    assert rows(followed, kept) == [
        (DAY, "high", 12, 13, None),
        (DAY + 5 * MINUTE, "presence", 0, 1, None),
        (DAY + 10 * MINUTE, "presence", 1, 0, None),
    ]
    again = compare(followed, [candle(DAY, "10 13 9 11"), candle(DAY + 10 * MINUTE, "11")])
    assert again == Comparison(compared=2, differing=1, new_differences=0, settled=2)
    assert [settled for *_, settled in rows(followed, kept)] == [None, LATER, LATER]


def test_what_the_exchange_does_not_tell_is_not_compared(followed: str) -> None:
    store(followed, candle(DAY, "10"))
    theirs = candle(DAY, "10", quote_volume=None, trade_count=None, taker_base_volume=None)
    assert compare(followed, [theirs], "1m").differing == 0


def certify(database_url: str, *, now: datetime) -> tuple[Certificate, list[ProofRow]]:
    with transaction(database_url) as connection:
        pair = find_symbol(connection, exchange="binance", symbol="BTCUSDT")
        certificate = issue_certificate(connection, pair, DAY + HOUR, now=now)
        columns, values = certified_rows(connection, pair, DAY)
    assert columns == ["open_time", *ROW_FIELDS]
    return certificate, [ProofRow(open_time=at, figures=figures) for at, *figures in values]


def test_a_certificate_counts_every_minute_of_the_day_and_its_hash_is_the_documented_one(followed: str) -> None:
    day = minutes(DAY, DAY + 24 * HOUR, without={DAY + step * MINUTE for step in (3, 4, 5, 700)})
    day[10] = candle(DAY + 13 * MINUTE, "0.000000001000", "0")
    day[11] = candle(DAY + 14 * MINUTE, "123456789.500", "1E+3", quote_volume=None, trade_count=None)
    store(followed, *day)
    tell(followed, DAY + 3 * MINUTE, DAY + 5 * MINUTE, "source_has_none", reason="the exchange stood still")
    tell(followed, DAY + 5 * MINUTE, DAY + 6 * MINUTE, "confirmed_empty")
    certificate, exported = certify(followed, now=LATER)
    assert (certificate.expected_minutes, certificate.observed_minutes, certificate.traded_minutes) == (
        1440,
        1436,
        1435,
    )
    assert (certificate.confirmed_empty_minutes, certificate.source_has_none_minutes) == (1, 2)
    assert certificate.unknown_minutes == 1
    assert [(span.minutes, span.state, span.reason) for span in certificate.missing] == [
        (2, "source_has_none", "the exchange stood still"),
        (1, "confirmed_empty", None),
        (1, "pending", None),
    ]
    assert problems(certificate, exported) == []
    issued = "SELECT day, unknown_minutes, encode(rows_sha256, 'hex'), issued_at FROM candles.candle_certificates"
    assert rows(followed, issued) == [(DAY, 1, certificate.rows_sha256, LATER)]

    certify(followed, now=LATER + HOUR)
    assert rows(followed, issued)[0][3] == LATER
    store(followed, candle(DAY + 700 * MINUTE))
    newer, exported = certify(followed, now=LATER + HOUR)
    assert (newer.unknown_minutes, newer.rows_sha256 != certificate.rows_sha256) == (0, True)
    assert problems(newer, exported) == []
    assert problems(certificate, exported)[0] == "observed minutes: the certificate says 1436, it is 1437"
    assert rows(followed, issued)[0][1] == 0


def test_a_day_of_which_nothing_is_expected_is_not_certified(followed: str) -> None:
    store(followed, candle(DAY + 48 * HOUR))
    with pytest.raises(UsageError, match="Nothing is expected of BTCUSDT on binance on 2024-03-01"):
        certify(followed, now=LATER)


def test_figures_are_certified_without_trailing_zeros(followed: str) -> None:
    store(followed, candle(DAY, "10.00", "2.500"))
    certificate, exported = certify(followed, now=DAY + 5 * MINUTE)
    assert problems(certificate, exported) == []
    bare = [
        ProofRow(open_time=DAY, figures=tuple(value and Decimal(value).normalize() for value in exported[0].figures))
    ]
    assert problems(certificate, bare) == []
