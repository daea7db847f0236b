"""Whatever a file of a known span holds: the quick way leaves the very tables that the careful way makes.

Compared is everything to the last zero: candles of every interval, what was set apart, what the import says of itself.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cryptoflow.collect.candle_import import ImportedFile, import_file
from cryptoflow.warehouse.candle_backfills import BackfillPart
from cryptoflow.warehouse.candle_partitions import prepare_candle_partitions
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.symbols import KnownSymbol, find_symbol
from cryptoflow_tests.candles_model import MINUTE, empty, held, rows, symbol_id

# The last days of a month that ends within a week.
STARTS = datetime(2025, 1, 30, tzinfo=UTC)
ENDS = STARTS + timedelta(days=2)
RECEIVED = datetime(2026, 6, 1, tzinfo=UTC)
AMOUNTS = ["0", "0.00000000", "7.5", "123456789012.00000000", "0.0000000000000001", "1e-8", "2.5E+3", "+5", "1."]
PRICES = ["9.5", "9.50000000", "10", "10.123456789", "99999999999.12345678", "0.000000000000000000001", "+9.5"]
PLAIN = re.compile(r"^[0-9.,]+$")
ODD = ["what,is,this", "1,2,3,4,5,6", "0,1,1,1,1,1,0,1,1,1,1,0", ""]

# Each example writes to a real database: to shrink one that fails would take minutes, and it is small as it is.
quick = settings(
    max_examples=20,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@st.composite
def lines(draw: st.DrawFn, *, columns: int, right: bool) -> str:
    """A candle, its numbers in every spelling; unless it is `right`, one that breaks rules."""
    minute = st.sampled_from([*range(7), 59, 60, 61, 1439, 1440, 1441, 2878, 2879])
    opens_ms = int((STARTS + draw(minute) * MINUTE).timestamp() * 1000)
    length = draw(st.sampled_from([59_999, 59_999, 60_000, 1]))
    prices = sorted(draw(st.lists(st.sampled_from(PRICES), min_size=4, max_size=4)), key=Decimal)
    if not right:
        opens_ms += draw(st.sampled_from([0, 0, 0, 1, 2880 * 60_000, -60_000]))
        length = draw(st.sampled_from([59_999, 0, 60_001]))
        prices[draw(st.integers(0, 3))] = draw(st.sampled_from(["-1", "0", "5"]))
    fields = [
        str(opens_ms),
        *(prices[place] for place in (1, 3, 0, 2)),
        draw(st.sampled_from(AMOUNTS)),
        str(opens_ms + length),
        draw(st.sampled_from(AMOUNTS)),
        str(draw(st.integers(0, 10**9))),
        *draw(st.lists(st.sampled_from(AMOUNTS), min_size=2, max_size=2)),
        "0",
    ]
    return ",".join(fields[:columns])


@st.composite
def files(draw: st.DrawFn) -> list[str]:
    columns = draw(st.sampled_from([6, 9, 11, 12, 12]))
    found = draw(st.lists(lines(columns=columns, right=True), min_size=1, max_size=25))
    kind = draw(st.sampled_from(["plain", "right", "right", "odd", "wrong", "twice"]))
    if kind == "plain":
        found = [line for line in found if PLAIN.match(line)] or [found[0]]
    if kind != "twice":
        found = list({line.split(",")[0]: line for line in found}.values())
    if kind == "odd":
        found.insert(draw(st.integers(1, len(found))), draw(st.sampled_from(ODD)))
    if kind == "wrong":
        found.append(draw(lines(columns=columns, right=False)))
    return found


def state(database_url: str) -> dict[str, Any]:
    """Everything that an import leaves, but the instants at which it was written."""
    return {
        **held(database_url),
        "set apart": rows(
            database_url,
            "SELECT dataset, provider, rule, reason, row_text, times_seen FROM ops.quarantine ORDER BY 3, 4, 5",
        ),
        "marked": rows(database_url, "SELECT * FROM candles.dirty_candles"),
    }


def bring(database_url: str, pair: KnownSymbol, path: Path, *, span: bool) -> ImportedFile:
    known: dict[str, Any] = {"starts": STARTS, "ends": ENDS} if span else {}
    part = BackfillPart(part=path.name, kind="daily", **known)
    return import_file(database_url, path, symbol=pair, part=part, received_at=RECEIVED)


@quick
@given(content=files())
def test_both_ways_end_in_the_same_tables(database_url: str, tmp_path: Path, content: list[str]) -> None:
    symbol_id(database_url)
    with transaction(database_url) as connection:
        pair = find_symbol(connection, exchange="binance", symbol="BTCUSDT")
    prepare_candle_partitions(database_url, starts=STARTS, ends=ENDS)
    path = tmp_path / "days.csv"
    path.write_text("".join(f"{line}\n" for line in content))
    ends = []
    for span in (False, True):
        empty(database_url)
        imported = bring(database_url, pair, path, span=span)
        ends.append((imported, state(database_url)))
    assert ends[0] == ends[1]
