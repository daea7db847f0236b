"""Points of charts in the warehouse: exact, once, behind listings in whatever order both come, provable like these."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cryptoflow.cadence import Grain
from cryptoflow.contracts.closes import CLOSES
from cryptoflow.warehouse.corrections import corrections_since
from cryptoflow.warehouse.explaining import explain_close
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.retention import expired_days, retain
from cryptoflow_tests.closes_model import (
    COARSE,
    FACTS,
    POINTS,
    empty,
    expected_closes,
    held,
    point,
    rows,
    sample,
    store,
    store_points,
    stored_closes,
)

NOON = datetime(2026, 3, 4, 12, 0, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)


def closing(database_url: str) -> tuple[Any, ...]:
    (row,) = rows(
        database_url,
        "SELECT price_usd, volume_24h_usd, circulating_supply, market_cap_rank, provider, sources"
        " FROM market.minute_close",
    )
    return row


def test_a_point_closes_its_minute_and_everything_coarser_to_the_last_digit(database_url: str) -> None:
    price, cap = "0.000000000000123456789", Decimal("589000000000000000.000001")
    written = store_points(database_url, point(NOON, price, market_cap_usd=cap))
    assert (written.received, written.stored, written.minutes, written.refused) == (1, 1, 1, 0)
    for name in (POINTS, *FACTS[1:]):
        assert rows(database_url, f"SELECT price_usd, market_cap_usd FROM {name}") == [(Decimal(price), cap)], name
    assert closing(database_url) == (Decimal(price), 9, None, None, "coingecko", 1)


def test_the_same_chart_again_changes_nothing(database_url: str) -> None:
    chart = [point(NOON + 5 * n * MINUTE, f"{n + 1}.5") for n in range(12)]
    store_points(database_url, *chart)
    before = held(database_url)
    again = store_points(database_url, *(point(p.observed_at, p.price_usd, fetched_at=NOW) for p in chart))
    assert (again.stored, again.minutes) == (0, 0)
    assert held(database_url) == before


@pytest.mark.parametrize("later_seconds", [10, -10])
def test_a_listing_of_the_provider_counts_more_whenever_it_was_in_the_minute(
    database_url: str, later_seconds: int
) -> None:
    found = []
    listing, chart = sample(NOON, "100"), point(NOON + timedelta(seconds=later_seconds), "90")
    for order in ((listing, chart), (chart, listing)):
        empty(database_url)
        for one in order:
            if one is listing:
                store(database_url, listing)
            else:
                store_points(database_url, chart)
        found.append(held(database_url, POINTS, *FACTS))
        assert closing(database_url) == (100, 10, 1000, 1, "coingecko", 1)
    assert found[0] == found[1]


def test_a_point_speaks_beside_the_listing_of_another_provider(database_url: str) -> None:
    store(database_url, sample(NOON, "110", provider="coinmarketcap"))
    store_points(database_url, point(NOON, "100"))
    assert closing(database_url) == (100, 9, None, None, "coingecko", 2)
    store(database_url, sample(NOON, "104", provider="third"))
    assert closing(database_url)[0] == 104, "the median of a chart and two listings"


def test_every_order_of_a_few_samples_gives_the_closes_that_follow(database_url: str) -> None:
    listings = [sample(NOON, "1"), sample(NOON + 61 * MINUTE, "4")]
    chart = [point(NOON + timedelta(seconds=20), "2"), point(NOON + 5 * MINUTE, "3")]
    wanted = expected_closes(listings, chart)
    for order in permutations([*listings, *chart]):
        empty(database_url)
        for one in order:
            if one in listings:
                store(database_url, one)  # type: ignore[arg-type]
            else:
                store_points(database_url, one)  # type: ignore[arg-type]
        assert stored_closes(database_url) == wanted, order


@pytest.mark.parametrize(
    ("rule", "price", "changes"),
    [
        ("price_usd", "0", {}),
        ("price_usd_given", None, {}),
        ("price_usd_finite", "NaN", {}),
        ("volume_24h_usd", "1", {"volume_24h_usd": Decimal(-1)}),
        ("observed_before_fetched", "1", {"fetched_at": NOON - 3 * MINUTE}),
    ],
)
def test_a_point_that_breaks_a_rule_is_kept_aside(
    database_url: str, rule: str, price: str | None, changes: dict[str, Any]
) -> None:
    bad = point(NOON, price, **changes)
    assert store_points(database_url, bad, point(NOON + MINUTE, "4")).refused_by == {"coingecko": 1}
    told = rows(database_url, "SELECT dataset, provider, rule, payload_sha256 FROM ops.quarantine")
    assert told == [(POINTS, "coingecko", rule, bad.payload_sha256)]
    assert rows(database_url, f"SELECT price_usd FROM {POINTS}") == [(4,)]


def name_the_asset(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO market.assets"
            " (asset_id, slug, symbol, name, is_active, provenance, first_seen_at, last_seen_at)"
            " OVERRIDING SYSTEM VALUE VALUES (1, 'bitcoin', 'BTC', 'Bitcoin', true, '{}', now(), now())"
        )


def test_a_chart_that_says_otherwise_later_corrects_and_the_old_values_can_be_read(database_url: str) -> None:
    name_the_asset(database_url)
    store_points(database_url, point(NOON, "100"))
    ((between,),) = rows(database_url, "SELECT clock_timestamp()")
    store_points(database_url, point(NOON, "80", fetched_at=NOW))
    with transaction(database_url) as connection:
        found = corrections_since(connection, between)
        explained = explain_close(connection, Grain.MINUTE, slug="bitcoin", instant=NOON)
    assert [one.table for one in found] == [POINTS, *(f"market.{CLOSES[grain].name}" for grain in Grain)]
    assert {(one.old_value, one.new_value) for one in found} == {(100, 80)}
    for name in ("market_chart_points", *(CLOSES[grain].name for grain in COARSE)):
        then = rows(database_url, f"SELECT price_usd FROM analytics.{name}_as_of(%s)", between)
        assert then == [(100,)], name
    assert explained.status == "revised"
    assert [(one["kind"], one["price_usd"], one["gives_figures"]) for one in explained.inputs] == [("chart", 80, True)]
    assert "raw.market_chart_points" in explained.inputs_from


def test_explain_tells_which_of_both_counts(database_url: str) -> None:
    name_the_asset(database_url)
    store_points(database_url, point(NOON + timedelta(seconds=30), "90"))
    store(database_url, sample(NOON, "100"))
    with transaction(database_url) as connection:
        explained = explain_close(connection, Grain.MINUTE, slug="bitcoin", instant=NOON)
    assert [(one["kind"], one["price_usd"], one["gives_figures"]) for one in explained.inputs] == [
        ("chart", 90, False),
        ("listing", 100, True),
    ]
    assert "charts" in explained.formula


def test_days_of_points_go_with_their_minutes_and_not_before_the_proof(database_url: str, tmp_path: Path) -> None:
    store_points(database_url, point(NOON, "100"), point(NOON + 5 * MINUTE, "101"))
    hours = held(database_url, "market.hourly_close")
    (day,) = expired_days(database_url, now=NOW)
    assert list(day.partitions) == [
        "market.close_quality_y2026m03d04",
        "market.minute_close_y2026m03d04",
        "market.velocity_y2026m03d04",
        "raw.market_chart_points_y2026m03d04",
    ]
    with psycopg.connect(database_url) as connection:
        connection.execute("DELETE FROM market.minute_close WHERE bucket = '2026-03-04 12:05Z'")
    (kept,) = retain(database_url, now=NOW, folder=tmp_path)
    assert kept.kept_because == "1 samples are in no minute's close"
    store_points(database_url, point(NOON + 5 * MINUTE, "102", fetched_at=NOW))
    (gone,) = retain(database_url, now=NOW, folder=tmp_path)
    assert (gone.starts, gone.kept_because) == (day.starts, None)
    assert rows(database_url, f"SELECT count(*) FROM {POINTS}") == [(0,)]
    assert len(held(database_url, "market.hourly_close")["market.hourly_close"]) == len(hours["market.hourly_close"])
