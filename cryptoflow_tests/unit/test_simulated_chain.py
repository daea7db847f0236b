"""The simulated Bitcoin chain and what its two sources say about it, each in its own units."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import numpy as np
import pytest

from cryptoflow.simulator.clock import SimClock
from cryptoflow.simulator.onchain.bitcoin_activity import FIRST_DAY, BitcoinActivity, bitcoin_activity
from cryptoflow.simulator.onchain.bitcoin_chain import (
    DAY_SECONDS,
    EPOCH_BLOCKS,
    HALVING_BLOCKS,
    BitcoinChain,
    bitcoin_chain,
    issued_satoshi,
    subsidy_satoshi,
)
from cryptoflow.simulator.onchain.blockchain_charts import (
    CHARTS,
    DaySource,
    chart_points,
    queue_points,
    span_seconds,
)
from cryptoflow.simulator.onchain.blockchain_info import QUERIES, stats
from cryptoflow.simulator.onchain.mempool import adjustment, compact_target, hash_rates
from cryptoflow.simulator.world import World, make_world

MIDNIGHT = datetime(2026, 5, 20, tzinfo=UTC).timestamp()
NOON = MIDNIGHT + 43_200
YESTERDAY = int(MIDNIGHT // DAY_SECONDS) - 1


@pytest.fixture(scope="module")
def chain() -> BitcoinChain:
    return bitcoin_chain(1)


@pytest.fixture(scope="module")
def activity() -> BitcoinActivity:
    return bitcoin_activity(1)


def world_at(now: float) -> World:
    clock = SimClock(now=now)
    clock.set(freeze=True)
    return make_world(asset_count=12, clock=clock)


@pytest.fixture(scope="module")
def source(activity: BitcoinActivity) -> DaySource:
    return DaySource(activity=activity, market=world_at(NOON).market)


# The chain --------------------------------------------------------------------------------------------------------


def test_blocks_follow_each_other_and_heights_never_fall(chain: BitcoinChain) -> None:
    assert (np.diff(chain.block_times) > 0).all()
    heights = [chain.height(NOON + 37.0 * step) for step in range(3_000)]
    assert heights == sorted(heights)
    assert heights[-1] - heights[0] == pytest.approx(3_000 * 37 / 600, rel=0.35)


def test_a_height_is_reached_at_the_time_of_its_block(chain: BitcoinChain) -> None:
    height = chain.height(NOON)
    at = float(chain.block_times[height + 1])
    assert chain.height(at - 0.001) == height
    assert chain.height(at) == height + 1


def test_gaps_are_exponential_around_ten_minutes(chain: BitcoinChain) -> None:
    gaps = np.diff(chain.block_times[800_000:900_000])
    assert gaps.mean() == pytest.approx(600, rel=0.03)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.05)
    assert np.median(gaps) == pytest.approx(gaps.mean() * np.log(2), rel=0.05)


@pytest.mark.parametrize(
    ("height", "day"),
    [(210_000, "2012-11-28"), (420_000, "2016-07-09"), (630_000, "2020-05-11"), (840_000, "2024-04-20")],
)
def test_subsidies_halve_near_the_days_on_which_they_did(chain: BitcoinChain, height: int, day: str) -> None:
    assert chain.block_at(height) == pytest.approx(
        datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp(), abs=40 * DAY_SECONDS
    )
    assert subsidy_satoshi(height) * 2 == subsidy_satoshi(height - 1)


def test_what_is_issued_is_the_sum_of_the_subsidies() -> None:
    low, high = 2 * HALVING_BLOCKS - 7, 2 * HALVING_BLOCKS + 9
    assert issued_satoshi(high) - issued_satoshi(low) == sum(subsidy_satoshi(h) for h in range(low + 1, high + 1))
    assert issued_satoshi(0) == 50 * 10**8
    assert issued_satoshi(HALVING_BLOCKS - 1) == HALVING_BLOCKS * 50 * 10**8


def test_difficulty_follows_how_long_the_epoch_took(chain: BitcoinChain) -> None:
    for epoch in range(300, 460):
        first, following = epoch * EPOCH_BLOCKS, (epoch + 1) * EPOCH_BLOCKS
        took = chain.block_times[following] - chain.block_times[first]
        change = chain.difficulty(following) / chain.difficulty(first)
        assert change == pytest.approx(EPOCH_BLOCKS * 600 / took, rel=1e-6)
        assert chain.difficulty(following - 1) == chain.difficulty(first)


def test_the_hash_rate_is_of_its_time(chain: BitcoinChain) -> None:
    month = 30 * DAY_SECONDS
    assert 6e20 < chain.mined_hash_rate(NOON - month, NOON) < 1.1e21
    in_2016 = datetime(2016, 8, 1, tzinfo=UTC).timestamp()
    assert 5e17 < chain.mined_hash_rate(in_2016 - month, in_2016) < 4e18


def test_now_and_then_a_node_shows_blocks_that_are_abandoned(chain: BitcoinChain) -> None:
    depths = set()
    last = chain.tip(NOON)
    fell = 0
    for step in range(1, 35_000):
        tip = chain.tip(NOON + 60.0 * step)
        fell += tip.height < last.height
        assert last.height - tip.height <= 2
        if tip.stale:
            depths.add(tip.stale)
            assert tip.block_hash != chain.hash_of(tip.height)
            assert tip.height - tip.stale == chain.height(NOON + 60.0 * step)
        else:
            assert tip.block_hash == chain.hash_of(tip.height)
        last = tip
    assert depths == {1, 2}
    assert fell >= 2


def test_the_chain_depends_on_the_seed_alone(chain: BitcoinChain) -> None:
    assert (BitcoinChain(seed=1).block_times == chain.block_times).all()
    assert BitcoinChain(seed=2).hash_of(800_000) != chain.hash_of(800_000)


def test_hashes_have_the_zeros_that_the_difficulty_asks_for(chain: BitcoinChain) -> None:
    block_hash = chain.hash_of(chain.height(NOON))
    assert len(block_hash) == 64
    assert block_hash.startswith("0" * 18)


# Units ------------------------------------------------------------------------------------------------------------


def test_three_sources_agree_on_the_hash_rate_after_conversion(activity: BitcoinActivity, source: DaySource) -> None:
    world = world_at(MIDNIGHT)
    from_stats = float(str(stats(world)["hash_rate"])) * 1e9
    from_query = float(QUERIES["hashrate"](world)) * 1e9
    from_chart = chart_points(CHARTS["hash-rate"], source, first_day=YESTERDAY, last_day=YESTERDAY)[0][1] * 1e12
    mempool = hash_rates(activity, MIDNIGHT, "1w")
    assert from_stats == pytest.approx(from_query, rel=1e-9)
    assert from_stats == pytest.approx(from_chart, rel=1e-6)
    assert from_stats == pytest.approx(mempool["currentHashrate"], rel=1e-6)
    assert from_chart == pytest.approx(mempool["hashrates"][-1]["avgHashrate"], rel=1e-9)
    assert mempool["hashrates"][-1]["timestamp"] == YESTERDAY * DAY_SECONDS


def test_the_stats_of_a_whole_day_are_the_charts_of_that_day(source: DaySource) -> None:
    figures = stats(world_at(MIDNIGHT))

    def chart(name: str) -> float:
        return chart_points(CHARTS[name], source, first_day=YESTERDAY, last_day=YESTERDAY)[0][1]

    assert chart("n-transactions") == figures["n_tx"]
    assert chart("transaction-fees") * 1e8 == pytest.approx(float(str(figures["total_fees_btc"])), rel=1e-9)
    assert chart("output-volume") * 1e8 == pytest.approx(float(str(figures["total_btc_sent"])), rel=1e-9)
    assert chart("total-bitcoins") * 1e8 == pytest.approx(float(str(figures["totalbc"])), rel=1e-9)
    assert chart("difficulty") == pytest.approx(float(str(figures["difficulty"])), rel=0.2)


def test_stats_mix_their_units() -> None:
    figures = stats(world_at(NOON))
    assert figures["timestamp"] == int(NOON * 1000)
    assert figures["n_btc_mined"] == int(str(figures["n_blocks_mined"])) * 312_500_000
    assert float(str(figures["miners_revenue_btc"])) == pytest.approx(
        (int(str(figures["n_btc_mined"])) + int(str(figures["total_fees_btc"]))) / 1e8, abs=0.5
    )
    assert float(str(figures["minutes_between_blocks"])) * int(str(figures["n_blocks_mined"])) == pytest.approx(
        1440, rel=1e-3
    )


def test_fees_are_negative_on_a_few_hours_only() -> None:
    negative = sum(int(str(stats(world_at(NOON + 3600 * hour))["total_fees_btc"])) < 0 for hour in range(250))
    assert 0 < negative < 15


def test_the_supply_matches_that_of_the_market() -> None:
    world = world_at(NOON)
    in_market = float(world.market.circulating_supply(0, np.array([NOON]))[0])
    assert int(QUERIES["totalbc"](world)) / 1e8 == pytest.approx(in_market, rel=0.005)


def test_compact_target_has_the_known_value_of_the_first_block() -> None:
    assert compact_target(1.0) == 0x1D00FFFF
    assert compact_target(16_307.420938523983) == 0x1B0404CB


def test_the_retarget_is_estimated_from_the_epoch_so_far(chain: BitcoinChain) -> None:
    start = chain.height(NOON) // EPOCH_BLOCKS * EPOCH_BLOCKS
    near_the_end = float(chain.block_times[start + EPOCH_BLOCKS - 3])
    estimate = adjustment(chain, near_the_end)
    really = (chain.difficulty(start + EPOCH_BLOCKS) / chain.difficulty(start) - 1) * 100
    assert estimate["difficultyChange"] == pytest.approx(really, abs=0.3)
    assert estimate["nextRetargetHeight"] == start + EPOCH_BLOCKS
    assert estimate["remainingBlocks"] == 2
    assert estimate["estimatedRetargetDate"] == pytest.approx(
        chain.block_at(start + EPOCH_BLOCKS) * 1000, abs=7_200_000
    )


# Charts -----------------------------------------------------------------------------------------------------------


def test_a_sampled_history_has_some_1500_even_points(source: DaySource) -> None:
    points = chart_points(CHARTS["n-transactions"], source, first_day=0, last_day=YESTERDAY)
    assert 1_200 <= len(points) <= 1_600
    assert {later[0] - earlier[0] for earlier, later in itertools.pairwise(points)} == {4 * DAY_SECONDS}
    assert points[-1][0] == YESTERDAY * DAY_SECONDS


def test_an_unsampled_history_has_every_day(source: DaySource) -> None:
    points = chart_points(CHARTS["n-transactions"], source, first_day=0, last_day=YESTERDAY, sampled=False)
    assert [at for at, _ in points] == [day * DAY_SECONDS for day in range(FIRST_DAY, YESTERDAY + 1)]
    sampled = dict(chart_points(CHARTS["n-transactions"], source, first_day=0, last_day=YESTERDAY))
    assert sampled.items() <= dict(points).items()


def test_a_rolling_average_is_the_mean_of_the_days_before(source: DaySource) -> None:
    chart = CHARTS["n-transactions"]
    plain = [value for _, value in chart_points(chart, source, first_day=YESTERDAY - 20, last_day=YESTERDAY)]
    smooth = [
        value for _, value in chart_points(chart, source, first_day=YESTERDAY - 20, last_day=YESTERDAY, average_days=7)
    ]
    assert smooth[-1] == pytest.approx(sum(plain[-7:]) / 7)
    assert smooth[2] == pytest.approx(sum(plain[:3]) / 3)


def test_every_chart_has_a_finite_value_for_every_day(source: DaySource) -> None:
    for name, chart in CHARTS.items():
        points = chart_points(chart, source, first_day=0, last_day=YESTERDAY, sampled=False)
        assert len(points) == YESTERDAY - FIRST_DAY + 1, name
        assert all(np.isfinite(value) and value >= 0 for _, value in points), name


def test_the_queue_is_longer_before_a_block_than_after_it(activity: BitcoinActivity) -> None:
    heights = range(950_000, 950_400)
    before = np.array([float(activity.chain.block_times[height]) - 0.5 for height in heights])
    after = before + 1.0
    assert (activity.queue_vbytes(before) >= activity.queue_vbytes(after)).all()
    assert activity.queue(NOON).vbytes == int(activity.queue_vbytes(np.array([NOON]))[0])


def test_the_queue_has_a_point_every_quarter_of_an_hour(activity: BitcoinActivity) -> None:
    points = queue_points(activity, start=NOON - 7 * DAY_SECONDS, end=NOON, sampled=True)
    assert len(points) == 673
    assert points[-1][0] == NOON


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30days", 2_592_000), ("5weeks", 3_024_000), ("8hours", 28_800), ("1year", 31_536_000), ("soon", None)],
)
def test_spans_are_read(text: str, seconds: int | None) -> None:
    assert span_seconds(text) == seconds
