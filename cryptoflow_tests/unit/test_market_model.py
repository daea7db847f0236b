"""Prices, supplies, volumes and snapshots of the simulated market."""

from __future__ import annotations

import numpy as np
import pytest

from cryptoflow.simulator.market.model import Market, Snapshot
from cryptoflow.simulator.market.universe import instant

NOW = instant("2026-11-20T12:34:56")
DAY = 86_400


@pytest.fixture(scope="module")
def market() -> Market:
    return Market()


def _row(snapshot: Snapshot, index: int) -> int:
    return int(np.flatnonzero(snapshot.index == index)[0])


def test_a_snapshot_is_ordered_by_market_cap_and_consistent(market: Market) -> None:
    snapshot = market.snapshot(NOW)
    assert [asset.index for asset in market.assets(NOW)] == sorted(snapshot.index.tolist())
    assert (np.diff(snapshot.market_cap_usd) <= 0).all()
    product = snapshot.price_usd * snapshot.circulating_supply
    assert np.allclose(snapshot.market_cap_usd, product, rtol=1e-12)
    assert (snapshot.low_24h_usd <= snapshot.price_usd).all()
    assert (snapshot.price_usd <= snapshot.high_24h_usd).all()
    assert (snapshot.high_24h_usd <= snapshot.ath_usd).all()
    assert (snapshot.atl_usd <= snapshot.low_24h_usd).all()
    assert (snapshot.volume_24h_usd > 0).all()
    known = ~np.isnan(snapshot.total_supply)
    assert (snapshot.total_supply[known] >= snapshot.circulating_supply[known] * (1 - 1e-12)).all()
    assert 0.0 < 1 - known.mean() < 0.15


def test_one_asset_asked_alone_is_the_same_to_the_last_bit(market: Market) -> None:
    snapshot = market.snapshot(NOW)
    for index, price in zip(snapshot.index.tolist(), snapshot.price_usd.tolist(), strict=True):
        assert market.price_usd(index, NOW) == price


def test_many_instants_asked_together_are_the_same_to_the_last_bit(market: Market) -> None:
    instants = NOW + 60.0 * np.arange(200)
    together = market.prices_usd(4, instants)
    assert together.tolist() == [market.price_usd(4, at) for at in instants.tolist()]


def test_a_series_agrees_with_the_snapshots(market: Market) -> None:
    instants = [NOW - 3 * DAY, NOW - 1800, NOW]
    series = market.series(1, instants)
    for place, at in enumerate(instants):
        snapshot = market.snapshot(at)
        row = _row(snapshot, 1)
        assert series.price_usd[place] == snapshot.price_usd[row]
        assert series.market_cap_usd[place] == pytest.approx(snapshot.market_cap_usd[row], rel=1e-12)
        assert series.volume_24h_usd[place] == pytest.approx(snapshot.volume_24h_usd[row], rel=1e-12)


def test_the_order_of_asking_does_not_matter() -> None:
    forwards, backwards = Market(asset_count=60), Market(asset_count=60)
    instants = [NOW - 400 * DAY, NOW - DAY, NOW, NOW + DAY]
    first = {at: forwards.snapshot(at) for at in instants}
    second = {at: backwards.snapshot(at) for at in reversed(instants)}
    for at in instants:
        for name in Snapshot.__dataclass_fields__:
            assert np.array_equal(getattr(first[at], name), getattr(second[at], name), equal_nan=True), name


def test_another_seed_is_another_market(market: Market) -> None:
    assert Market(seed=2).price_usd(0, NOW) != market.price_usd(0, NOW)


def test_extreme_magnitudes_occur(market: Market) -> None:
    dust = market.asset("dustmote", NOW)
    shiba = market.asset("shiba-inu", NOW)
    assert dust is not None
    assert shiba is not None
    assert 1e-10 < market.price_usd(dust.index, NOW) < 1e-8
    supply = market.circulating_supply(shiba.index, np.array([NOW]))[0]
    assert supply == pytest.approx(5.89e14, rel=0.01)


def test_stablecoins_stay_near_their_peg(market: Market) -> None:
    for name in ("tether", "usd-coin", "dai"):
        asset = market.asset(name, NOW)
        assert asset is not None
        prices = market.prices_usd(asset.index, NOW - DAY * np.arange(0.0, 1500.0))
        assert 0.99 < prices.min() < prices.max() < 1.01


def test_a_redenomination_moves_price_and_supply_but_not_the_cap(market: Market) -> None:
    event = next(e for e in market.universe.events() if e.kind == "redenomination")
    series = market.series(event.asset_index, [event.at - 1, event.at])
    assert series.price_usd[1] / series.price_usd[0] == pytest.approx(1000, rel=0.01)
    assert series.market_cap_usd[1] / series.market_cap_usd[0] == pytest.approx(1, rel=0.01)
    # A snapshot right after it states earlier prices in the new units.
    snapshot = market.snapshot(event.at + 60)
    row = _row(snapshot, event.asset_index)
    assert 0.5 < snapshot.price_24h_ago_usd[row] / snapshot.price_usd[row] < 2


def test_earlier_prices_are_unknown_before_the_listing(market: Market) -> None:
    asset = market.asset("silverquay", NOW)
    assert asset is not None
    snapshot = market.snapshot(asset.listed_at + 2 * DAY)
    row = _row(snapshot, asset.index)
    assert np.isfinite(snapshot.price_24h_ago_usd[row])
    assert np.isnan(snapshot.price_7d_ago_usd[row])
    assert np.isnan(snapshot.price_1y_ago_usd[row])
    series = market.series(asset.index, [asset.listed_at - 1, asset.listed_at])
    assert np.isnan(series.price_usd[0])
    assert np.isfinite(series.price_usd[1])


def test_a_delisted_asset_leaves_the_snapshot(market: Market) -> None:
    event = next(e for e in market.universe.events() if e.kind == "delisting")
    assert event.asset_index in market.snapshot(event.at - 60).index
    assert event.asset_index not in market.snapshot(event.at).index


def test_the_all_time_high_only_grows(market: Market) -> None:
    asset = market.asset("solana", NOW)
    assert asset is not None
    highs = []
    for weeks in range(150, -1, -1):
        snapshot = market.snapshot(NOW - weeks * 7 * DAY)
        highs.append(float(snapshot.ath_usd[_row(snapshot, asset.index)]))
    assert highs == sorted(highs)


def test_the_clock_may_stand_far_outside_the_usual_years(market: Market) -> None:
    assert (market.snapshot(instant("2099-01-01T00:00:00")).price_usd > 0).all()
    assert len(market.snapshot(instant("2009-02-01T00:00:00")).index) == 0


def test_twenty_thousand_assets_can_be_asked_for() -> None:
    large = Market(asset_count=20_000)
    snapshot = large.snapshot(NOW)
    assert len(snapshot.index) > 18_000
    assert large.price_usd(0, NOW) == Market(asset_count=1).price_usd(0, NOW)
