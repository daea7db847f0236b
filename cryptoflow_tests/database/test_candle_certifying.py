"""Many days certified at once: each gets the certificate that it gets alone, and no day gets one without a reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cryptoflow.collect.candle_certifying import certify_days
from cryptoflow.settings import load_settings
from cryptoflow.warehouse.candle_certificates import certify_expected, certify_if_expected
from cryptoflow.warehouse.candle_gaps import tell_candle_slots
from cryptoflow.warehouse.candles import Candle
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.symbols import find_symbol
from cryptoflow_tests.candles_model import LATER, MINUTE, candle, empty, rows, store, symbol_id

FIRST = datetime(2024, 2, 28, tzinfo=UTC)
DAY = timedelta(days=1)
ISSUED = "SELECT * FROM candles.candle_certificates ORDER BY symbol_id, day"


def history() -> list[Candle]:
    """Two days of a leap year, a day of which nothing is there, a few minutes about midnight in the next month."""
    days = [FIRST + step * MINUTE for step in range(2 * 1440) if step not in {0, 700, 1439, 1440}]
    return [candle(at, "10.500") for at in [*days, FIRST + 4 * DAY - MINUTE, FIRST + 4 * DAY, FIRST + 6 * DAY]]


def test_a_day_among_many_is_certified_as_it_is_alone(database_url: str) -> None:
    symbol_id(database_url)
    days = [FIRST + number * DAY for number in range(-2, 9)]
    certificates = {}
    for alone in (True, False):
        empty(database_url)
        store(database_url, *history())
        with transaction(database_url) as connection:
            pair = find_symbol(connection, exchange="binance", symbol="BTCUSDT")
            # Told of across midnights.
            spans = [(FIRST + DAY - MINUTE, FIRST + DAY + MINUTE), (FIRST + 2 * DAY, FIRST + 3 * DAY + 5 * MINUTE)]
            tell_candle_slots(connection, 1, spans, state="source_has_none", reason="it stood still", asked=True)
            given = [[day] for day in days] if alone else [days]
            found = [certify_expected(connection, pair, some, now=LATER, run_id="a run") for some in given]
            assert certify_if_expected(connection, pair, days[0], now=LATER) is None
        certificates[alone] = [one for some in found for one in some], rows(database_url, ISSUED)
    assert certificates[True] == certificates[False]
    issued, kept = certificates[True]
    assert [one.day for one in issued] == [FIRST + number * DAY for number in range(7)]
    assert [one.observed_minutes for one in issued] == [1437, 1439, 0, 1, 1, 0, 1]
    assert [one.source_has_none_minutes for one in issued[:4]] == [1, 1, 1440, 5]
    assert [len(one.missing) for one in issued] == [2, 1, 1, 2, 1, 1, 0]
    assert len(kept) == 7


@pytest.mark.parametrize("is_followed", [False, True])
def test_days_are_certified_where_minutes_are_and_of_followed_pairs_all(database_url: str, is_followed: bool) -> None:
    symbol_id(database_url)
    settings = load_settings(candle_symbols="binance:BTCUSDT" if is_followed else "")
    store(database_url, candle(FIRST), candle(FIRST + DAY), candle(FIRST + 39 * DAY + 1439 * MINUTE))
    certified = certify_days(settings, start=FIRST, end=FIRST + 40 * DAY, database_url=database_url)
    days = [day for (day,) in rows(database_url, "SELECT day FROM candles.candle_certificates ORDER BY day")]
    assert days == [FIRST + number * DAY for number in (range(40) if is_followed else (0, 1, 39))]
    assert certified.certificates == len(days)
    assert certified.minutes["observed"] == 3
    assert certified.minutes["expected"] == 1440 * len(days)
