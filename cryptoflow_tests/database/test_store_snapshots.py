"""Snapshots into the warehouse: exact, once, whole or not at all, and every close that follows from them right."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cryptoflow.cadence import Grain, bucket_start, expected_samples
from cryptoflow.contracts.closes import CLOSES
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.snapshots import store_snapshots
from cryptoflow_tests.closes_model import (
    COARSE,
    FACTS,
    KEPT,
    expected_closes,
    held,
    rows,
    sample,
    store,
    stored_closes,
)

NOON = datetime(2026, 3, 4, 12, 0, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FETCHED = timedelta(seconds=5)
BUCKETS = {grain: bucket_start(NOON, grain) for grain in Grain}


def prices(database_url: str, grain: Grain = Grain.MINUTE) -> list[Decimal]:
    return [row[0] for row in rows(database_url, f"SELECT price_usd FROM market.{CLOSES[grain].name} ORDER BY bucket")]


def stamps(database_url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Everything, and when it was written."""
    return {name: rows(database_url, f"SELECT x::text FROM {name} AS x ORDER BY 1") for name in (*FACTS, *KEPT)}


@pytest.mark.parametrize(
    "price", ["0.000000000001", "0.0000000012", "0.123456789012345678901234567890123456", "1000000000.000000000001"]
)
def test_prices_and_supplies_survive_to_the_last_digit(database_url: str, price: str) -> None:
    supply, cap = Decimal("1000000000000000000.000000000000000001"), Decimal("589000000000000000.000001")
    store(database_url, sample(NOON, price, circulating_supply=supply, total_supply=supply, market_cap_usd=cap))
    columns = "price_usd, circulating_supply, total_supply, market_cap_usd"
    for name in FACTS:
        (row,) = rows(database_url, f"SELECT {columns} FROM {name}")
        assert row == (Decimal(price), supply, supply, cap), name
    for grain in COARSE:
        (row,) = rows(database_url, f"SELECT open_usd, high_usd, low_usd FROM market.{CLOSES[grain].name}")
        assert row == (Decimal(price),) * 3


def test_the_same_batch_again_changes_nothing(database_url: str) -> None:
    batch = [sample(NOON + n * MINUTE, f"{n + 1}.5", asset_id=asset) for n in range(3) for asset in (1, 2)]
    first = store(database_url, *batch)
    before = stamps(database_url)
    again = store(database_url, *batch)
    assert (first.received, first.stored, first.minutes) == (6, 6, 6)
    assert (again.received, again.stored, again.minutes, again.refused) == (6, 0, 0, 0)
    assert sum(one.marked for one in again.built) == 0
    assert stamps(database_url) == before
    assert all(before[name] == [] for name in KEPT)


def test_the_same_figures_fetched_again_change_nothing(database_url: str) -> None:
    store(database_url, sample(NOON, "7"))
    before = stamps(database_url)
    assert store(database_url, sample(NOON, "7.0", fetched_at=NOON + 2 * MINUTE, run_id="later")).stored == 0
    assert stamps(database_url) == before


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("price_usd", {"price_usd": Decimal(0)}),
        ("price_usd", {"price_usd": Decimal("-0.000000000001")}),
        ("price_usd_given", {"price_usd": None}),
        ("price_usd_finite", {"price_usd": Decimal("NaN")}),
        ("price_usd_finite", {"price_usd": Decimal("Infinity")}),
        ("market_cap_usd_finite", {"market_cap_usd": Decimal("NaN")}),
        ("volume_24h_usd", {"volume_24h_usd": Decimal(-1)}),
        ("circulating_supply", {"circulating_supply": Decimal(-1)}),
        ("market_cap_rank", {"market_cap_rank": 0}),
        ("observed_at_given", {"observed_at": None}),
        ("observed_before_fetched", {"observed_at": NOON + FETCHED + timedelta(seconds=120, microseconds=1)}),
    ],
)
def test_a_row_that_breaks_a_rule_is_kept_aside_whole(database_url: str, rule: str, changes: dict[str, Any]) -> None:
    bad = sample(NOON, "3.25", **{"asset_id": 2, "run_id": "run-1", "total_supply": Decimal("1e18")} | changes)
    written = store(database_url, sample(NOON, "2"), bad, sample(NOON, "4", asset_id=3))
    assert (written.received, written.stored, written.refused_by) == (3, 2, {"coingecko": 1})
    ((dataset, provider, said, reason, text, payload, run_id, seen),) = rows(
        database_url,
        "SELECT dataset, provider, rule, reason, row_text, payload_sha256, run_id, times_seen FROM ops.quarantine",
    )
    assert (dataset, provider, said, run_id, seen) == ("raw.market_snapshots", "coingecko", rule, "run-1", 1)
    assert f"'{rule}'" in reason or f" {rule} " in reason
    assert payload == bad.payload_sha256
    kept = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    for name in ("price_usd", "volume_24h_usd", "market_cap_rank", "asset_id", "total_supply", "circulating_supply"):
        value = getattr(bad, name)
        finite = value is None or Decimal(value).is_finite()
        assert kept[name] == (value if finite else str(value)), name
    assert (kept["observed_at"] is None) == (bad.observed_at is None)
    assert rows(database_url, "SELECT asset_id FROM raw.market_snapshots ORDER BY 1") == [(1,), (3,)]
    assert rows(database_url, "SELECT asset_id FROM market.minute_close ORDER BY 1") == [(1,), (3,)]
    store(database_url, bad)
    assert rows(database_url, "SELECT times_seen FROM ops.quarantine") == [(2,)]


def test_a_clock_a_little_ahead_is_believed(database_url: str) -> None:
    assert store(database_url, sample(NOON, fetched_at=NOON - timedelta(seconds=120))).refused == 0


def test_a_batch_of_nothing_but_bad_rows_and_an_empty_one_store_nothing(database_url: str) -> None:
    assert store(database_url).received == 0
    assert store(database_url, sample(NOON, "0"), sample(NOON, "-1", provider="coinmarketcap")).refused_by == {
        "coingecko": 1,
        "coinmarketcap": 1,
    }
    assert all(kept == [] for kept in held(database_url, *FACTS).values())


def test_two_batches_in_one_transaction_do_not_mix(database_url: str) -> None:
    with transaction(database_url) as connection:
        store_snapshots(connection, [sample(NOON, "1"), sample(NOON, "0", asset_id=2)])
        connection.execute("DELETE FROM raw.market_snapshots")
        second = store_snapshots(connection, [sample(NOON + MINUTE, "2")])
    assert (second.received, second.stored, second.refused) == (1, 1, 0)
    assert rows(database_url, "SELECT price_usd FROM raw.market_snapshots") == [(2,)]


def closing(database_url: str) -> tuple[Any, ...]:
    (row,) = rows(
        database_url, "SELECT price_usd, volume_24h_usd, provider, sources, dispersion FROM market.minute_close"
    )
    return row


def test_of_two_providers_the_first_in_priority_is_believed(database_url: str) -> None:
    store(
        database_url, sample(NOON + timedelta(seconds=30), "110", provider="coinmarketcap", volume_24h_usd=Decimal(2))
    )
    assert closing(database_url) == (110, 2, "coinmarketcap", 1, 0)
    store(database_url, sample(NOON, "90", volume_24h_usd=Decimal(1)))
    assert closing(database_url) == (90, 1, "coingecko", 2, Decimal("0.2"))


def test_of_one_provider_the_last_sample_in_the_minute_is_believed(database_url: str) -> None:
    store(database_url, sample(NOON, "5"), sample(NOON + timedelta(seconds=39, microseconds=999999), "6"))
    store(database_url, sample(NOON + timedelta(seconds=10), "7"), sample(NOON + timedelta(seconds=40), "8"))
    assert prices(database_url) == [6, 8]
    assert rows(database_url, "SELECT DISTINCT sources, dispersion FROM market.minute_close") == [(1, 0)]


def test_of_three_and_four_sources_the_price_is_the_median(database_url: str) -> None:
    low, high = Decimal("123456789.123456789012345678"), Decimal("123456789.123456789012345679")
    store(database_url, sample(NOON, "200000000"), sample(NOON, low, provider="coinmarketcap"))
    store(database_url, sample(NOON, high, provider="third"))
    assert closing(database_url)[:4] == (high, 10, "coingecko", 3)
    store(database_url, sample(NOON, "1", provider="fourth"))
    assert closing(database_url)[0] == Decimal("123456789.1234567890123456785")


def test_a_correction_moves_every_grain_and_keeps_what_was_said(database_url: str) -> None:
    store(database_url, sample(NOON, "10"))
    store(database_url, sample(NOON, "12", fetched_at=NOON + timedelta(minutes=3)))
    for grain, table in CLOSES.items():
        assert prices(database_url, grain) == [12], grain
        old = rows(
            database_url, f"SELECT bucket, price_usd, superseded_at > recorded_at FROM market.{table.name}_revisions"
        )
        assert old == [(BUCKETS[grain], 10, True)], grain
        ((superseded, recorded),) = rows(
            database_url,
            f"SELECT r.superseded_at, f.recorded_at FROM market.{table.name}_revisions r JOIN market.{table.name} f"
            " USING (bucket, asset_id)",
        )
        assert superseded == recorded, "one version ends at the instant at which the next begins"
    assert rows(database_url, "SELECT price_usd FROM raw.market_snapshots_revisions") == [(10,)]


def test_an_older_fetch_that_comes_late_does_not_undo_a_correction(database_url: str) -> None:
    store(database_url, sample(NOON, "12", fetched_at=NOON + timedelta(minutes=3)))
    assert store(database_url, sample(NOON, "10")).stored == 0
    assert prices(database_url) == [12]


def test_the_same_answer_read_anew_corrects_what_was_read_from_it(database_url: str) -> None:
    store(database_url, sample(NOON, "12000"))
    assert store(database_url, sample(NOON, "12")).stored == 1
    assert prices(database_url) == [12]


def test_figures_of_an_open_bucket_move_on_without_a_revision(database_url: str) -> None:
    now = datetime.now(UTC)
    store(database_url, sample(now, "10", fetched_at=now))
    store(database_url, sample(now, "12", fetched_at=now + timedelta(seconds=1)))
    for grain, table in CLOSES.items():
        assert prices(database_url, grain) == [12]
        assert rows(database_url, f"SELECT count(*) FROM market.{table.name}_revisions") == [(0,)], grain
    assert rows(database_url, "SELECT count(*) FROM raw.market_snapshots_revisions") == [(1,)]


def test_a_late_minute_does_not_overwrite_the_close_of_its_hour(database_url: str) -> None:
    store(database_url, sample(NOON + 40 * MINUTE, "40"))
    store(database_url, sample(NOON + 10 * MINUTE, "90"))
    store(database_url, sample(NOON, "10"), sample(NOON + 50 * MINUTE, "50"))
    store(database_url, sample(NOON + 30 * MINUTE, "1"))
    row = rows(database_url, "SELECT open_usd, high_usd, low_usd, price_usd, samples FROM market.hourly_close")
    assert row == [(10, 90, 1, 50, 5)]
    assert stored_closes(database_url)[Grain.MONTH][BUCKETS[Grain.MONTH], 1].price == 50


@pytest.mark.parametrize("there", [1, 3])
def test_a_late_minute_does_not_overwrite_an_hour_whose_minutes_are_no_longer_kept(
    database_url: str, there: int
) -> None:
    store(database_url, *(sample(NOON + (59 - n) * MINUTE, f"{n + 1}") for n in range(there)))
    coarse = [f"market.{CLOSES[grain].name}" for grain in COARSE]
    before = held(database_url, *coarse)
    for name in ("raw.market_snapshots", "market.minute_close"):
        with transaction(database_url) as connection:
            connection.execute(f"DELETE FROM {name}")
    store(database_url, sample(NOON, "99"))
    assert prices(database_url) == [99]
    assert held(database_url, *coarse) == before


def test_a_correction_of_a_minute_in_the_middle_moves_the_high_of_its_hour(database_url: str) -> None:
    store(database_url, *(sample(NOON + n * MINUTE, price) for n, price in enumerate(("10", "99", "11"))))
    store(database_url, sample(NOON + MINUTE, "9", fetched_at=NOON + timedelta(hours=1)))
    for grain in COARSE:
        query = f"SELECT open_usd, high_usd, low_usd, price_usd, samples FROM market.{CLOSES[grain].name}"
        samples = 3 if grain is Grain.HOUR else 1
        assert rows(database_url, query) == [(10, 11, 9, 11, samples)]


BORDERS = [
    datetime(2025, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2026, 1, 1, tzinfo=UTC),
    datetime(2026, 1, 4, 23, 59, 59, tzinfo=UTC),
    datetime(2026, 1, 5, tzinfo=UTC),
    datetime(2026, 1, 31, 23, 59, tzinfo=UTC),
    datetime(2026, 2, 1, 0, 0, 1, tzinfo=UTC),
    datetime(2024, 2, 29, 12, 30, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
]


def test_samples_at_borders_fall_on_their_own_side(database_url: str) -> None:
    batch = [sample(at, f"{n + 1}") for n, at in enumerate(BORDERS)]
    store(database_url, *batch)
    assert stored_closes(database_url) == expected_closes(batch)
    weeks = [row[0] for row in rows(database_url, "SELECT bucket FROM market.weekly_close ORDER BY 1")]
    assert all(week.weekday() == 0 for week in weeks)
    assert datetime(2025, 12, 29, tzinfo=UTC) in weeks, "a week goes over the turn of the year"


@pytest.mark.parametrize(
    ("month", "days"), [((2024, 2), 29), ((2023, 2), 28), ((2000, 2), 29), ((2026, 4), 30), ((2026, 12), 31)]
)
def test_coverage_knows_how_long_a_bucket_is(database_url: str, month: tuple[int, int], days: int) -> None:
    start = datetime(*month, 1, tzinfo=UTC)
    store(database_url, *(sample(start + timedelta(days=day), "2") for day in range(days - 1)))
    query = "SELECT samples, expected_samples, coverage FROM market.{}_close WHERE bucket = %s"
    for name, expected, samples in (("monthly", days, days - 1), ("daily", 24, 1), ("hourly", 60, 1)):
        assert rows(database_url, query.format(name), start) == [
            (samples, expected, round(Decimal(samples) / expected, 6))
        ]
    store(database_url, sample(start + timedelta(days=days - 1), "2"))
    assert rows(database_url, query.format("monthly"), start) == [(days, days, 1)]
    assert expected_samples(start, Grain.MONTH) == days
    weeks = rows(database_url, "SELECT DISTINCT expected_samples FROM market.weekly_close")
    assert weeks == [(7,)]


def three_hours() -> Iterator[datetime]:
    return (NOON + timedelta(hours=n) for n in range(3))


def test_what_is_built_equals_a_computation_from_scratch(database_url: str) -> None:
    batch = [
        sample(at + n * MINUTE, f"{(n * 7 + at.hour) % 11 + 1}", provider=provider, asset_id=asset)
        for at in three_hours()
        for n in range(5)
        for asset in (1, 2)
        for provider in ("coingecko", "coinmarketcap", "third")
    ]
    store(database_url, *batch)
    assert stored_closes(database_url) == expected_closes(batch)
