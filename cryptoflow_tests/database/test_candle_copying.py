"""Files of a known span into the warehouse by the quick way: it ends in the very tables that the careful way makes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cryptoflow.collect.candle_import import ImportedFile, import_file
from cryptoflow.sources.candle_files import CandleFileRefused
from cryptoflow.warehouse import candle_copying
from cryptoflow.warehouse.candle_backfills import BackfillPart
from cryptoflow.warehouse.candle_partitions import prepare_candle_partitions
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.symbols import find_symbol
from cryptoflow_tests.candles_model import EVERYTHING, MINUTE, empty, held, rows, symbol_id

STARTS = datetime(2025, 1, 31, tzinfo=UTC)
ENDS = STARTS + timedelta(days=1)
RECEIVED = datetime(2026, 6, 1, tzinfo=UTC)
Lines = list[str]


def line(minute: int, close: str = "10.50000000", *, low: str = "9.00000000", shift_ms: int = 0) -> str:
    opens = int((STARTS + minute * MINUTE).timestamp() * 1000) + shift_ms
    figures = f"10.00000000,11.00000000,{low},{close},2.00000000"
    return f"{opens},{figures},{opens + 59_999},21.00000000,3,1.00000000,10.50000000,0"


def edited(lines: Lines, place: int, text: str) -> Lines:
    return [*lines[:place], text, *lines[place + 1 :]]


CLEAN = [line(minute) for minute in range(0, 300, 3)]
FILES: dict[str, tuple[Lines, bool]] = {
    "all is well": (CLEAN, True),
    "a line is no candle": (edited(CLEAN, 50, "what,is,this"), True),
    "a minute comes twice": ([*CLEAN, CLEAN[3]], False),
    "a minute comes twice and differs": ([*CLEAN, line(9, "10.60000000")], False),
    "the low is not the lowest": (edited(CLEAN, 50, line(150, low="10.70000000")), False),
    "a price is nothing": (edited(CLEAN, 50, line(150, low="0")), False),
    "it opens within a minute": (edited(CLEAN, 50, line(150, shift_ms=1)), False),
    "a minute of another day": ([*CLEAN, line(-4)], False),
    "a minute of a month that nobody expected": ([*CLEAN, line(50 * 1440)], False),
    "a minute that is to come": ([*CLEAN, line(600 * 1440)], False),
}


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each file that was tried by the quick way went through."""
    ends: list[bool] = []
    real = candle_copying.copy_candles

    def watched(*args: Any, **kwargs: Any) -> Any:
        stored = real(*args, **kwargs)
        ends.append(stored is not None)
        return stored

    monkeypatch.setattr("cryptoflow.collect.candle_import.copy_candles", watched)
    return ends


@pytest.fixture
def bring(database_url: str, tmp_path: Path) -> Callable[..., ImportedFile]:
    """Import lines as a file; with `span` what it covers is known beforehand, as of a file of the archive."""
    symbol_id(database_url)
    with transaction(database_url) as connection:
        pair = find_symbol(connection, exchange="binance", symbol="BTCUSDT")

    def imported(lines: Lines, *, span: bool, name: str = "day.csv", received: datetime = RECEIVED) -> ImportedFile:
        path = tmp_path / name
        path.write_text("".join(f"{one}\n" for one in lines))
        given: dict[str, Any] = {"starts": STARTS, "ends": ENDS} if span else {}
        prepare_candle_partitions(database_url, starts=STARTS, ends=ENDS)
        part = BackfillPart(part=name, kind="daily", **given)
        return import_file(database_url, path, symbol=pair, part=part, received_at=received, run_id='a "run", so')

    return imported


def aside(database_url: str) -> list[tuple[Any, ...]]:
    return rows(database_url, "SELECT dataset, provider, rule, reason, row_text FROM ops.quarantine ORDER BY 3, 5")


def left(database_url: str) -> list[tuple[Any, ...]]:
    return rows(database_url, "SELECT * FROM candles.dirty_candles")


@pytest.mark.parametrize("name", FILES)
def test_both_ways_end_in_the_same_tables(
    database_url: str, bring: Callable[..., ImportedFile], copied: list[bool], name: str
) -> None:
    lines, goes_through = FILES[name]
    careful = bring(lines, span=False)
    expected = held(database_url), aside(database_url)
    assert copied == []
    empty(database_url)
    quick = bring(lines, span=True)
    assert copied == [goes_through]
    assert (held(database_url), aside(database_url)) == expected
    assert quick == careful
    assert left(database_url) == []
    assert rows(database_url, "SELECT DISTINCT run_id FROM candles.minute_candles") == [('a "run", so',)]


def test_where_minutes_stand_they_are_compared(
    database_url: str, bring: Callable[..., ImportedFile], copied: list[bool]
) -> None:
    bring(CLEAN, span=True)
    again = bring(
        edited(CLEAN, 50, line(150, "10.60000000")), span=True, name="corrected.csv", received=RECEIVED + MINUTE
    )
    assert copied == [True]
    assert (again.rows, again.stored) == (len(CLEAN), 1)
    assert rows(database_url, "SELECT count(*) FROM candles.minute_candles_revisions") == [(1,)]


def test_a_file_that_is_refused_on_the_way_leaves_nothing(
    database_url: str, bring: Callable[..., ImportedFile]
) -> None:
    with pytest.raises(CandleFileRefused):
        bring([*CLEAN[:20], *(f"{number},no candle" for number in range(400))], span=True)
    assert all(rows(database_url, f"SELECT count(*) FROM {table}") == [(0,)] for table in EVERYTHING)
