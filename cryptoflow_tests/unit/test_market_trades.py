"""The tape: orders, trades, numbers, halts, and their agreement with the snapshots."""

from __future__ import annotations

import numpy as np
import pytest

from cryptoflow.simulator.market.model import Market
from cryptoflow.simulator.market.pairs import SimPair, published_minutes, trading_minutes
from cryptoflow.simulator.market.trades import DAY_US, MICROS, MINUTE_US, Tape, fill, fills_of, first_trade_id
from cryptoflow.simulator.market.universe import instant

NOW = instant("2026-11-20T12:34:56")
NOW_US = int(NOW) * MICROS
TODAY = int(NOW // 86_400)
LIQUID = ("BTCUSDT", "ETHUSDT", "XRPUSDT", "USDCUSDT")
# The last trade of a liquid pair is near the price of the snapshot: spread, the venue's own way and its age.
PRICE_TOLERANCE = 0.005
VOLUME_TOLERANCE = 0.05


@pytest.fixture(scope="module")
def tape() -> Tape:
    return Tape(Market())


def _usd(tape: Tape, pair: SimPair, product: int, at: float) -> float:
    quote = 1.0 if pair.quote_index is None else tape.market.price_usd(pair.quote_index, at)
    return float(product) / 10 ** (pair.tick_decimals + pair.step_decimals) * quote


def test_numbers_run_without_a_gap_from_block_to_block(tape: Tape) -> None:
    for symbol in ("BTCUSDT", "SUSHIBTC", "LONGTIDEHARBORUSDT"):
        pair = tape.pairs[symbol]
        first_day = int(pair.listed_at // 86_400)
        expected = 0
        for day in range(first_day, first_day + 20):
            block = tape.block(pair, day)
            assert block.first_id == expected
            expected += len(block)
        assert expected == tape.orders_before(pair, first_day + 20)


def test_the_trades_of_consecutive_orders_are_numbered_on(tape: Tape) -> None:
    pair = tape.pairs["BTCUSDT"]
    orders = tape.block(pair, TODAY - 1)
    trades = fill(orders)
    following = tape.block(pair, TODAY)
    assert trades.first_id + len(trades) == first_trade_id(following.first_id)
    assert int(trades.quantity_steps.sum()) == int(orders.quantity_steps.sum())
    assert int(trades.quantity_steps.min()) > 0
    assert set(np.unique(fills_of(orders.ids)).tolist()) == {1, 2, 3}


def test_orders_are_found_by_time_and_by_number(tape: Tape) -> None:
    pair = tape.pairs["SUSHIBTC"]
    orders = tape.between(pair, NOW_US - 3 * DAY_US, NOW_US)
    assert (np.diff(orders.time_us) >= 0).all()
    again = tape.from_order(pair, orders.first_id, limit=len(orders), until_us=NOW_US)
    assert again.time_us.tolist() == orders.time_us.tolist()
    latest = tape.latest(pair, limit=10, until_us=NOW_US)
    assert latest.ids.tolist() == orders.ids.tolist()[-10:]
    assert tape.next_order_id(pair, NOW_US) == orders.first_id + len(orders)
    assert tape.last_price_ticks(pair, NOW_US) == int(orders.price_ticks[-1])


def test_nothing_after_the_asked_instant_is_known(tape: Tape) -> None:
    pair = tape.pairs["BTCUSDT"]
    assert int(tape.latest(pair, limit=5, until_us=NOW_US).time_us[-1]) <= NOW_US
    assert len(tape.from_order(pair, 10**9, limit=5, until_us=NOW_US)) == 0
    assert len(tape.between(pair, int(pair.listed_at) * MICROS - DAY_US, int(pair.listed_at) * MICROS)) == 0


def test_a_liquid_pair_trades_in_every_minute_and_a_thin_one_does_not(tape: Tape) -> None:
    for symbol in LIQUID:
        minutes = np.unique(tape.block(tape.pairs[symbol], TODAY - 1).time_us // MINUTE_US)
        assert len(minutes) == 1440
    for symbol in ("SUSHIBTC", "ZECBTC", "NOVABTC"):
        minutes = np.unique(tape.block(tape.pairs[symbol], TODAY - 1).time_us // MINUTE_US)
        assert 0 < len(minutes) < 200


def test_the_last_trade_is_near_the_price_of_the_snapshot(tape: Tape) -> None:
    snapshot = tape.market.snapshot(NOW)
    prices = dict(zip(snapshot.index.tolist(), snapshot.price_usd.tolist(), strict=True))
    for symbol in LIQUID:
        pair = tape.pairs[symbol]
        ticks = tape.last_price_ticks(pair, NOW_US) or 0
        traded = _usd(tape, pair, ticks * 10**pair.step_decimals, NOW)
        assert traded == pytest.approx(prices[pair.asset_index], rel=PRICE_TOLERANCE)


def test_the_day_volume_of_a_pair_is_its_share_of_the_assets_volume(tape: Tape) -> None:
    snapshot = tape.market.snapshot(NOW)
    volumes = dict(zip(snapshot.index.tolist(), snapshot.volume_24h_usd.tolist(), strict=True))
    for symbol in (*LIQUID, "DOGEUSDT", "LINKUSDT"):
        pair = tape.pairs[symbol]
        orders = tape.between(pair, NOW_US - DAY_US, NOW_US)
        traded = _usd(tape, pair, int((orders.price_ticks * orders.quantity_steps).sum()), NOW)
        assert traded == pytest.approx(volumes[pair.asset_index] * pair.volume_share, rel=VOLUME_TOLERANCE)


def test_nothing_trades_in_a_halt(tape: Tape) -> None:
    pair = tape.pairs["BTCUSDT"]
    halt = pair.halts[0]
    assert (halt.starts_at, halt.missing_from, halt.ends_at) == tuple(
        instant(f"2023-03-24T{time}:00") for time in ("11:36", "12:40", "14:00")
    )
    assert len(tape.between(pair, int(halt.starts_at) * MICROS, int(halt.ends_at) * MICROS)) == 0
    assert len(tape.between(pair, int(halt.ends_at) * MICROS, int(halt.ends_at) * MICROS + MINUTE_US)) > 0
    assert pair.halted(halt.starts_at)
    assert not pair.halted(halt.ends_at)
    day = int(halt.starts_at // 86_400)
    assert int(trading_minutes(pair, day).sum()) == 1440 - 144
    assert int(published_minutes(pair, day).sum()) == 1440 - 80


def test_pairs_have_their_own_halts_too(tape: Tape) -> None:
    counts = {len(pair.halts) for pair in tape.pairs.values()}
    assert len(counts) > 2


def test_pairs_come_and_go_with_their_assets_and_names(tape: Tape) -> None:
    old, new = tape.pairs["HLTUSDT"], tape.pairs["LUMRUSDT"]
    assert old.asset_index == new.asset_index
    assert old.delisted_at is not None
    assert old.delisted_at < new.listed_at
    assert tape.pairs["XMRUSDT"].delisted_at == instant("2024-02-20T03:00:00")
    assert tape.pairs["QNTAUSDT"].delisted_at is not None
    dead = tape.pairs["XMRUSDT"]
    assert len(tape.between(dead, NOW_US - DAY_US, NOW_US)) == 0
    assert len(tape.latest(dead, limit=3, until_us=NOW_US)) == 3


def test_a_shared_symbol_belongs_to_the_first_asset_that_claims_it(tape: Tape) -> None:
    assert tape.market.universe.profiles[tape.pairs["PEPEUSDT"].asset_index].coingecko_id == "pepe"
    assert len(tape.pairs["LONGTIDEHARBORUSDT"].base) == 14


def test_steps_and_ticks_fit_into_eight_decimals(tape: Tape) -> None:
    for pair in tape.pairs.values():
        assert pair.tick_decimals + pair.step_decimals <= 8
        assert pair.tick_size.as_tuple().exponent == -pair.tick_decimals


def test_another_venue_has_the_same_market_and_other_trades(tape: Tape) -> None:
    other = Tape(tape.market, venue="kraken")
    here, there = tape.pairs["BTCUSDT"], other.pairs["BTCUSD"]
    assert there.quote_index is None
    first = tape.last_price_ticks(here, NOW_US) or 0
    second = other.last_price_ticks(there, NOW_US) or 0
    assert first / 10**here.tick_decimals == pytest.approx(second / 10**there.tick_decimals, rel=PRICE_TOLERANCE)
    assert other.block(there, TODAY).time_us.tolist() != tape.block(here, TODAY).time_us.tolist()


def test_a_forgotten_block_is_drawn_again_the_same(tape: Tape) -> None:
    fresh = Tape(Market())
    pair = tape.pairs["ADABTC"]
    later = fresh.block(pair, TODAY)
    earlier = fresh.block(pair, TODAY - 400)
    assert tape.block(pair, TODAY - 400).quantity_steps.tolist() == earlier.quantity_steps.tolist()
    assert tape.block(pair, TODAY).price_ticks.tolist() == later.price_ticks.tolist()
