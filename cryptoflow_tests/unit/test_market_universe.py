"""Who exists when, and under which name."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest

from cryptoflow.errors import UsageError
from cryptoflow.simulator.market.catalogue import MADE_UP_LIMIT, made_up_names
from cryptoflow.simulator.market.universe import SimEvent, Universe, instant

NOW = instant("2026-11-20T12:00:00")


@pytest.fixture(scope="module")
def universe() -> Universe:
    return Universe()


def _event(universe: Universe, kind: str, coingecko_id: str) -> SimEvent:
    asset = universe.asset(coingecko_id, NOW)
    assert asset is not None
    return next(e for e in universe.events() if e.kind == kind and e.asset_index == asset.index)


def test_well_known_coins_carry_the_ids_of_the_providers(universe: Universe) -> None:
    expected = {"bitcoin": (1, "BTC"), "ethereum": (1027, "ETH"), "tether": (825, "USDT"), "chainlink": (1975, "LINK")}
    for coingecko_id, (cmc_id, symbol) in expected.items():
        asset = universe.asset(coingecko_id, NOW)
        assert asset is not None
        assert (asset.cmc_id, asset.symbol) == (cmc_id, symbol)
    assert universe.all_assets(NOW)[0].coingecko_id == "bitcoin"


def test_the_default_universe_has_250_assets_with_unique_ids_and_shared_symbols(universe: Universe) -> None:
    assets = universe.all_assets(instant("2029-01-01T00:00:00"))
    assert len(assets) == 250
    assert [asset.index for asset in assets] == list(range(250))
    assert len({asset.coingecko_id for asset in assets}) == 250
    assert len({asset.cmc_id for asset in assets}) == 250
    assert len({asset.slug for asset in assets}) == 250
    shared = [symbol for symbol, count in Counter(asset.symbol for asset in assets).items() if count > 1]
    assert {"PEPE"} <= set(shared)
    assert max(len(asset.symbol) for asset in assets) > 10


def test_made_up_ids_never_repeat() -> None:
    assert len({made_up_names(number)[0] for number in range(MADE_UP_LIMIT)}) == MADE_UP_LIMIT


def test_unlimited_supplies_are_as_common_as_in_the_real_lists(universe: Universe) -> None:
    assets = universe.all_assets(NOW)
    share = sum(asset.max_supply is None for asset in assets) / len(assets)
    assert 0.33 < share < 0.53


def test_a_rename_is_visible_from_its_instant_on(universe: Universe) -> None:
    event = _event(universe, "rename", "harborlight")
    before = universe.asset("harborlight", event.at - 1)
    after = universe.asset("harborlight", event.at)
    assert before is not None
    assert after is not None
    assert (before.symbol, before.name) == ("HLT", "Harborlight")
    assert (after.symbol, after.name) == ("LUMR", "Lumera")
    assert next(a for a in universe.assets(event.at - 1) if a.index == event.asset_index).symbol == "HLT"
    assert next(a for a in universe.assets(event.at) if a.index == event.asset_index).symbol == "LUMR"
    assert before.max_supply == after.max_supply == Decimal(3_000_000_000)


def test_the_redenomination_gives_one_new_unit_for_a_thousand(universe: Universe) -> None:
    event = _event(universe, "redenomination", "quenta")
    assert event.units_per_old_unit == pytest.approx(0.001)
    after = universe.asset("quenta", event.at)
    assert after is not None
    assert after.symbol == "QNTX"


def test_listings_and_delistings_change_who_is_there(universe: Universe) -> None:
    listing = _event(universe, "listing", "silverquay")
    assert universe.asset("silverquay", listing.at - 1) is None
    assert universe.asset("silverquay", listing.at) is not None
    delisting = _event(universe, "delisting", "corvane")

    def alive(at: float) -> bool:
        return any(asset.index == delisting.asset_index for asset in universe.assets(at))

    assert alive(delisting.at - 1)
    assert not alive(delisting.at)
    assert any(asset.index == delisting.asset_index for asset in universe.all_assets(delisting.at))


def test_events_are_spread_over_the_years(universe: Universe) -> None:
    window = [e for e in universe.events() if instant("2023-01-01T00:00:00") <= e.at < instant("2028-01-01T00:00:00")]
    kinds = Counter(event.kind for event in window)
    assert kinds["listing"] >= 5
    assert kinds["delisting"] >= 3
    assert kinds["rename"] >= 2
    assert kinds["redenomination"] == 1
    assert [event.at for event in window] == sorted(event.at for event in window)


@pytest.mark.parametrize("count", [0, -1, 10_000_000])
def test_an_impossible_size_is_refused_with_the_cure(count: int) -> None:
    with pytest.raises(UsageError, match="Ask for 1 to"):
        Universe(asset_count=count)


def test_any_smaller_universe_is_the_beginning_of_a_larger_one(universe: Universe) -> None:
    small = Universe(asset_count=60).all_assets(NOW)
    assert list(small) == [asset for asset in universe.all_assets(NOW) if asset.index < 60]
