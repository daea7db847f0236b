"""The same samples in any order, in any batches, some of them twice, leave the same warehouse: the one that follows.

Samples are those of listings and points of charts, mixed at will.

The instants are few and lie at borders of buckets, so that samples meet in a minute, an hour, a week all the time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cryptoflow.warehouse.chart_points import ChartPoint
from cryptoflow.warehouse.snapshots import Snapshot
from cryptoflow_tests.closes_model import (
    FACTS,
    FOLLOWING,
    POINTS,
    Sample,
    believed,
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

INSTANTS = [
    datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2025, 12, 31, 23, 59, 10, tzinfo=UTC),
    datetime(2025, 12, 31, 23, 59, 50, tzinfo=UTC),
    datetime(2026, 1, 1, 0, 0, 0, tzinfo=UTC),
    datetime(2026, 1, 4, 12, 0, 0, tzinfo=UTC),
    datetime(2026, 1, 5, 0, 0, 30, tzinfo=UTC),
    datetime(2026, 1, 5, 0, 1, 0, tzinfo=UTC),
    datetime(2026, 1, 5, 0, 59, 59, tzinfo=UTC),
    datetime(2026, 1, 5, 1, 0, 0, tzinfo=UTC),
]
PRICES = ["0.000000000001", "0.0000000012", "1", "2.5", "999999999.123456789012345678", "1000000000"]
PROVIDERS = ["coingecko", "coinmarketcap", "third", "fourth"]


@st.composite
def versions(draw: st.DrawFn) -> list[Snapshot]:
    """One sample, now and then corrected: each version says something else and was fetched later."""
    at = draw(st.sampled_from(INSTANTS))
    provider = draw(st.sampled_from(PROVIDERS))
    asset = draw(st.integers(1, 2))
    said = draw(st.lists(st.sampled_from(PRICES), min_size=1, max_size=3, unique=True))
    return [
        sample(
            at,
            price,
            provider=provider,
            asset_id=asset,
            fetched_at=at + timedelta(seconds=number + 1),
            volume_24h_usd=draw(st.sampled_from((None, Decimal(0), Decimal("5.5")))),
            market_cap_rank=draw(st.sampled_from((None, 1, 2))),
        )
        for number, price in enumerate(said)
    ]


@st.composite
def versions_of_point(draw: st.DrawFn) -> list[ChartPoint]:
    """One point of a chart, now and then corrected by a chart that was fetched later."""
    at = draw(st.sampled_from(INSTANTS))
    provider = draw(st.sampled_from(PROVIDERS))
    asset = draw(st.integers(1, 2))
    said = draw(st.lists(st.sampled_from(PRICES), min_size=1, max_size=2, unique=True))
    return [
        point(at, price, provider=provider, asset_id=asset, fetched_at=at + timedelta(hours=number + 1))
        for number, price in enumerate(said)
    ]


def whose(versions_of_one: list[Snapshot] | list[ChartPoint]) -> object:
    one = versions_of_one[0]
    return one.observed_at, one.provider, one.asset_id


batches = st.lists(versions(), min_size=1, max_size=16, unique_by=whose).map(
    lambda samples: [version for of_one in samples for version in of_one]
)
charts = st.lists(versions_of_point(), max_size=12, unique_by=whose).map(
    lambda points: [version for of_one in points for version in of_one]
)


def store_mixed(database_url: str, samples: list[Sample]) -> None:
    """A batch of each kind, as they come: first the points of charts, then listings."""
    store_points(database_url, *(one for one in samples if isinstance(one, ChartPoint)))
    store(database_url, *(one for one in samples if isinstance(one, Snapshot)))


# Each example writes to a real database: to shrink one that fails would take minutes, and it is small as it is.
@settings(
    max_examples=30,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(snapshots=batches, points=charts, data=st.data())
def test_order_batches_and_repetition_do_not_matter(
    database_url: str, snapshots: list[Snapshot], points: list[ChartPoint], data: st.DataObject
) -> None:
    empty(database_url)
    store(database_url, *snapshots)
    store_points(database_url, *points)
    at_once = held(database_url, POINTS, *FACTS, *FOLLOWING)
    assert stored_closes(database_url) == expected_closes(snapshots, points)
    raw = rows(database_url, "SELECT observed_at, provider, asset_id, price_usd, fetched_at FROM raw.market_snapshots")
    assert {row[:3]: row[3:] for row in raw} == {
        key: (one.price_usd, one.fetched_at) for key, one in believed(snapshots).items()
    }

    empty(database_url)
    samples = [*snapshots, *points]
    again = data.draw(st.lists(st.sampled_from(samples), max_size=6), label="repeated")
    order = data.draw(st.permutations([*samples, *again]), label="order")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(order)), max_size=4), label="cuts"))
    for start, end in zip([0, *cuts], [*cuts, len(order)], strict=True):
        store_mixed(database_url, order[start:end])
    assert held(database_url, POINTS, *FACTS, *FOLLOWING) == at_once
    assert rows(database_url, "SELECT count(*) FROM ops.dirty_buckets") == [(0,)]
