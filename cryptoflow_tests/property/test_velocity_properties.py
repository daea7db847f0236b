"""Velocity follows from the closes, whatever the order in which samples came and whichever way it was computed.

The plain formulas are compared with what the warehouse computes: minute by minute on the way of a tick, hour by hour on
that of late data and corrections.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cryptoflow.warehouse.snapshots import Snapshot
from cryptoflow_tests.closes_model import FACTS, FOLLOWING, empty, expected_closes, held, rows, sample, store
from cryptoflow_tests.velocity_model import differences, expected_velocity

# Half an hour before midnight, at the turn of a month.
START = datetime(2026, 2, 28, 23, 30, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
# Of answers that say the same, the first to arrive is kept as the sample's origin: samples are left out.
CLOSED = FACTS[1:]
CAPS = (None, Decimal(0), Decimal(3), Decimal("700.5"), Decimal("1e12"))
VOLUMES = (None, Decimal(0), Decimal(1), Decimal("33.3"), Decimal("1e15"))
# Next to each other, around the longest hold, around windows' ends, over days.
STEPS = (1, 1, 1, 2, 9, 10, 11, 29, 60, 61, 240, 715, 1430, 1440, 1441)

instants = st.lists(st.sampled_from(STEPS), min_size=1, max_size=14).map(
    lambda steps: [START + sum(steps[:number]) * MINUTE for number in range(len(steps) + 1)]
)


@st.composite
def histories(draw: st.DrawFn) -> list[Snapshot]:
    """Samples of two assets in some minutes; some are corrected by a later answer."""
    found = []
    for at in draw(instants):
        for asset in draw(st.sampled_from(((1,), (2,), (1, 2)))):
            for version in range(draw(st.sampled_from((1, 1, 1, 2)))):
                figures = {
                    "market_cap_usd": draw(st.sampled_from(CAPS)),
                    "volume_24h_usd": draw(st.sampled_from(VOLUMES)),
                }
                found.append(sample(at, asset_id=asset, fetched_at=at + timedelta(seconds=1 + version), **figures))
    return found


# Each example writes to a real database: to shrink one that fails would take minutes, and it is small as it is.
@settings(
    max_examples=40,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(history=histories(), data=st.data())
def test_velocity_follows_from_the_closes_in_every_order(
    database_url: str, history: list[Snapshot], data: st.DataObject
) -> None:
    expected = expected_velocity(expected_closes(history))

    empty(database_url)
    for one in history:
        store(database_url, one)
    assert differences(database_url, expected) == {}
    in_order = held(database_url, *CLOSED, *FOLLOWING)

    empty(database_url)
    again = data.draw(st.lists(st.sampled_from(history), max_size=4), label="repeated")
    order = data.draw(st.permutations([*history, *again]), label="order")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(order)), max_size=6), label="cuts"))
    for start, end in zip([0, *cuts], [*cuts, len(order)], strict=True):
        store(database_url, *order[start:end])
    assert differences(database_url, expected) == {}
    assert held(database_url, *CLOSED, *FOLLOWING) == in_order
    assert rows(database_url, "SELECT count(*) FROM ops.dirty_buckets") == [(0,)]
