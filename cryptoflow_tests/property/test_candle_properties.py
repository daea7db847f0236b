"""Minutes in any order, in any batches, some of them twice, leave the same tables; larger candles are what follows.

Instants are few and lie at the borders of buckets, so that minutes meet in a bucket of every interval all the time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cryptoflow.warehouse.candles import Candle, CandleSource
from cryptoflow_tests.candles_model import (
    candle,
    empty,
    expected_coarse,
    held,
    rows,
    store,
    stored_coarse,
    stored_minutes,
    straight_from_minutes,
    symbol_id,
)

INSTANTS = [
    *(datetime(2024, 2, 29, 23, minute, tzinfo=UTC) for minute in (0, 29, 55, 56, 59)),
    *(datetime(2024, 3, 1, 0, minute, tzinfo=UTC) for minute in (0, 1, 4, 5, 14, 15, 44, 59)),
    datetime(2024, 3, 3, 23, 59, tzinfo=UTC),
    datetime(2024, 3, 4, 0, 0, tzinfo=UTC),
]
PRICES = ["0.000000000001", "0.0000000012", "1", "2.5", "999999999.123456789012345678"]
SOURCES: list[CandleSource] = ["trades", "stream", "rest", "archive"]
FETCHED = datetime(2026, 1, 1, tzinfo=UTC)
UNTOLD = {"quote_volume": None, "trade_count": None, "taker_base_volume": None, "taker_quote_volume": None}

Version = tuple[CandleSource, int, Candle]


@st.composite
def minutes(draw: st.DrawFn) -> Candle:
    opening, closing, *others = draw(st.lists(st.sampled_from(PRICES), min_size=4, max_size=4))
    prices = sorted(map(Decimal, (opening, closing, *others)))
    volume = draw(st.sampled_from(["0", "0", "0.00000001", "7.5"]))
    told = UNTOLD if draw(st.booleans()) and draw(st.booleans()) else {}
    flat = f"{opening}" if volume == "0" else f"{opening} {prices[-1]} {prices[0]} {closing}"
    return candle(draw(st.sampled_from(INSTANTS)), flat, volume, symbol=draw(st.integers(1, 2)), **told)


def key(one: Candle) -> tuple[datetime, int]:
    return one.open_time, one.symbol_id


# Each example writes to a real database: to shrink one that fails would take minutes, and it is small as it is.
quick = settings(
    max_examples=20,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def prepared(database_url: str) -> None:
    assert [symbol_id(database_url, name) for name in ("BTCUSDT", "ETHUSDT")] == [1, 2]
    empty(database_url)


@quick
@given(candles=st.lists(minutes(), min_size=1, max_size=20, unique_by=key))
def test_larger_candles_are_what_follows_from_the_minutes(database_url: str, candles: list[Candle]) -> None:
    prepared(database_url)
    store(database_url, *candles)
    assert stored_coarse(database_url) == expected_coarse(candles)


@st.composite
def tapes(draw: st.DrawFn) -> list[Candle]:
    """Minutes as an exchange makes them: a quiet one stands at the price before it, and some exchanges leave it out."""
    price, found = draw(st.sampled_from(PRICES)), []
    for at in INSTANTS:
        if draw(st.booleans()):
            opening, price = price, draw(st.sampled_from(PRICES))
            high, low = max(opening, price, key=Decimal), min(opening, price, key=Decimal)
            found.append(candle(at, f"{opening} {high} {low} {price}", "0.5"))
        elif draw(st.booleans()):
            found.append(candle(at, price, "0"))
    return found


@quick
@given(candles=tapes())
def test_rollups_of_rollups_are_rollups_of_minutes(database_url: str, candles: list[Candle]) -> None:
    prepared(database_url)
    store(database_url, *candles)
    assert stored_coarse(database_url) == straight_from_minutes(candles)


@quick
@given(
    versions=st.lists(st.tuples(st.sampled_from(SOURCES), st.integers(0, 2), minutes()), min_size=1, max_size=10),
    data=st.data(),
)
def test_order_batches_and_repetition_do_not_matter(
    database_url: str, versions: list[Version], data: st.DataObject
) -> None:
    prepared(database_url)
    for version in versions:
        deliver(database_url, [version])
    at_once = held(database_url)
    check_the_best_counts(database_url, versions)

    empty(database_url)
    again = data.draw(st.lists(st.sampled_from(versions), max_size=6), label="repeated")
    order = data.draw(st.permutations([*versions, *again]), label="order")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(order)), max_size=4), label="cuts"))
    for start, end in zip([0, *cuts], [*cuts, len(order)], strict=True):
        deliver(database_url, order[start:end])
    assert held(database_url) == at_once
    assert rows(database_url, "SELECT count(*) FROM candles.dirty_candles") == [(0,)]


def deliver(database_url: str, versions: list[Version]) -> None:
    """What one source said at one time is one batch, as long as it does not contradict itself."""
    batches: dict[tuple[CandleSource, int, int], dict[tuple[datetime, int], Candle]] = {}
    for source, hours, one in versions:
        number = 0
        while batches.get((source, hours, number), {}).get(key(one), one) != one:
            number += 1
        batches.setdefault((source, hours, number), {})[key(one)] = one
    for (source, hours, _), batch in batches.items():
        store(database_url, *batch.values(), source=source, fetched_at=FETCHED + timedelta(hours=hours))


def check_the_best_counts(database_url: str, versions: list[Version]) -> None:
    """A stronger source counts more than a weaker one, then what was fetched later."""
    ranks = [(SOURCES.index(source), hours, key(one)) for source, hours, one in versions]
    best = {of: max(rank[:2] for rank in ranks if rank[2] == of) for of in {rank[2] for rank in ranks}}
    stored = stored_minutes(database_url)
    assert stored.keys() == best.keys()
    for of, (*_, is_final) in stored.items():
        said = [one for source, hours, one in versions if key(one) == of and (SOURCES.index(source), hours) == best[of]]
        assert stored[of][:5] in [(one.open, one.high, one.low, one.close, one.volume) for one in said]
        assert is_final == (best[of][0] > 0)
