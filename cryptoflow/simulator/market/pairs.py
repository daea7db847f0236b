"""What an exchange lists: pairs with their rules, their lives and their halts.

What belongs here: which pairs a venue has, tick and step sizes, listing and delisting, halts. A venue is a name
that takes part in the seed, so that the same symbol on two venues has the same market behind it and other trades.
What does not: trades (trades.py), candles (candles.py), the words of an exchange's API.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from cryptoflow.simulator.market.catalogue import Profile
from cryptoflow.simulator.market.model import Market
from cryptoflow.simulator.market.noise import stable_key, uniform
from cryptoflow.simulator.market.universe import instant

BINANCE = "binance"
COINBASE = "coinbase"
MINUTES_PER_DAY = 1440
DAY_SECONDS = 86_400
VENUE_OPENED_AT = instant("2017-08-17T04:00:00")
_LISTING_LAG_SECONDS = 30 * DAY_SECONDS
_LEAVING_LEAD_SECONDS = 7 * DAY_SECONDS
_RENAME_CLOSES_BEFORE_SECONDS = 4 * 3600
_RENAME_OPENS_AFTER_SECONDS = 2 * 3600
# Prices and sums are printed with eight decimals, so the decimals of tick and step together must fit.
MAX_DECIMALS = 8
MIN_QUANTITY_STEPS = 4
_DENSE_ORDERS_PER_DAY = 2_100.0

_BTC_QUOTED = (
    "ethereum", "binancecoin", "solana", "ripple", "cardano", "chainlink", "litecoin", "monero", "cosmos", "sushi",
    "zcash", "ethereum-classic", "near", "uniswap", "aave", "polkadot", "nova-meridian", "harborlight",
)  # fmt: skip
# What a venue's main pairs are quoted in: a dollar coin, or dollars, which are no asset of the market.
_DOLLAR_COIN = ("USDT", "tether")
_DOLLARS = ("USD", None)
_DOLLAR_OF = {BINANCE: _DOLLAR_COIN}
_UNQUOTED_BASES = frozenset({"tether", "anchor-dollar"})
_PAIR_DELISTINGS = {"XMRUSDT": "2024-02-20T03:00:00", "XMRBTC": "2024-02-20T03:00:00", "NEARBTC": "2026-05-08T03:00:00"}
_VENUE_HALTS = {
    BINANCE: (
        ("2023-03-24T11:36:00", "2023-03-24T12:40:00", "2023-03-24T14:00:00"),
        ("2025-02-11T06:10:00", "2025-02-11T06:31:00", "2025-02-11T07:05:00"),
        ("2026-07-16T02:03:00", "2026-07-16T02:25:00", "2026-07-16T03:10:00"),
    ),
    COINBASE: (("2025-02-11T06:20:00", "2025-02-11T06:20:00", "2025-02-11T06:55:00"),),
}
_HALT_YEARS = range(2023, 2028)


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """Nothing trades from `starts_at`; from `missing_from` until `ends_at` the venue publishes no rows either."""

    starts_at: float
    missing_from: float
    ends_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SimPair:
    """One pair of one venue. Prices are whole ticks, quantities whole steps."""

    venue: str
    symbol: str
    base: str
    quote: str
    asset_index: int
    quote_index: int | None
    tick_decimals: int
    step_decimals: int
    min_notional: Decimal
    listed_at: float
    delisted_at: float | None
    orders_per_day: float
    volume_share: float
    half_spread: float
    halts: tuple[Halt, ...]

    @property
    def tick_size(self) -> Decimal:
        """The smallest step of the price."""
        return Decimal(1).scaleb(-self.tick_decimals)

    @property
    def step_size(self) -> Decimal:
        """The smallest step of the quantity."""
        return Decimal(1).scaleb(-self.step_decimals)

    @property
    def min_quantity(self) -> Decimal:
        """The smallest order."""
        return MIN_QUANTITY_STEPS * self.step_size

    @property
    def dense(self) -> bool:
        """Whether at least one order falls into every open minute."""
        return self.orders_per_day >= _DENSE_ORDERS_PER_DAY

    @property
    def ends_at(self) -> float:
        """The end of its life, infinity when none is known."""
        return math.inf if self.delisted_at is None else self.delisted_at

    def alive(self, at: float) -> bool:
        """Whether the venue lists the pair at that instant."""
        return self.listed_at <= at < self.ends_at

    def halted(self, at: float) -> bool:
        """Whether trading stands still at that instant."""
        return any(halt.starts_at <= at < halt.ends_at for halt in self.halts)


def trading_minutes(pair: SimPair, day: int) -> NDArray[np.bool_]:
    """Which minutes of a UTC day (whole days since the epoch) are open for trading."""
    minutes = _minutes_of_life(pair, day)
    for halt in pair.halts:
        _clear(minutes, day, halt.starts_at, halt.ends_at)
    return minutes


def published_minutes(pair: SimPair, day: int) -> NDArray[np.bool_]:
    """Which minutes of a UTC day have a row in the venue's candles, with or without trades."""
    minutes = _minutes_of_life(pair, day)
    for halt in pair.halts:
        _clear(minutes, day, halt.missing_from, halt.ends_at)
    return minutes


def _minutes_of_life(pair: SimPair, day: int) -> NDArray[np.bool_]:
    starts = day * DAY_SECONDS + 60 * np.arange(MINUTES_PER_DAY)
    return (starts >= pair.listed_at) & (starts < pair.ends_at)


def _clear(minutes: NDArray[np.bool_], day: int, start: float, end: float) -> None:
    midnight = day * DAY_SECONDS
    first = max(0, round((start - midnight) / 60))
    last = min(MINUTES_PER_DAY, round((end - midnight) / 60))
    if first < last:
        minutes[first:last] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Life:
    base: str
    listed_at: float
    delisted_at: float


def make_pairs(market: Market, *, venue: str = BINANCE) -> dict[str, SimPair]:
    """Every pair that the venue ever lists, by symbol. A symbol goes to the first asset that claims it."""
    pairs: dict[str, SimPair] = {}
    positions = {profile.coingecko_id: index for index, profile in enumerate(market.universe.profiles)}
    dollar_name, coin = _DOLLAR_OF.get(venue, _DOLLARS)
    dollar = (dollar_name, None if coin is None else positions.get(coin))
    bitcoin = positions.get("bitcoin")
    for index, profile in enumerate(market.universe.profiles):
        if not profile.exchange_listed or profile.coingecko_id in _UNQUOTED_BASES:
            continue
        quotes = [dollar]
        if profile.coingecko_id in _BTC_QUOTED and bitcoin is not None:
            quotes.append(("BTC", bitcoin))
        for life in _lives(market, index):
            for quote, quote_index in quotes:
                pair = _make_pair(market, venue=venue, index=index, life=life, quote=quote, quote_index=quote_index)
                if pair.listed_at < pair.ends_at:
                    pairs.setdefault(pair.symbol, pair)
    return pairs


def _lives(market: Market, index: int) -> Iterator[_Life]:
    """The stretches of an asset's life under one symbol each; around a change nothing is listed for some hours."""
    universe = market.universe
    start = max(VENUE_OPENED_AT, float(universe.listed_at[index]) + _LISTING_LAG_SECONDS)
    symbol = universe.profiles[index].symbol
    for change in sorted((c for c in universe.changes() if c.asset_index == index), key=lambda c: c.at):
        yield _Life(base=symbol, listed_at=start, delisted_at=change.at - _RENAME_CLOSES_BEFORE_SECONDS)
        symbol, start = change.symbol or symbol, change.at + _RENAME_OPENS_AFTER_SECONDS
    yield _Life(base=symbol, listed_at=start, delisted_at=float(universe.delisted_at[index]) - _LEAVING_LEAD_SECONDS)


def _make_pair(market: Market, *, venue: str, index: int, life: _Life, quote: str, quote_index: int | None) -> SimPair:
    profile = market.universe.profiles[index]
    symbol = f"{life.base}{quote}"
    key = stable_key(venue, symbol)
    in_bitcoin = quote == "BTC"
    dollars = profile.price_usd / _unit_factor(market, index, life.listed_at)
    price = dollars / market.universe.profiles[quote_index].price_usd if quote_index is not None else dollars
    tick_decimals = min(MAX_DECIMALS, max(2, math.ceil((3 if in_bitcoin else 4) - math.log10(price))))
    step_decimals = min(MAX_DECIMALS - tick_decimals, 5, max(0, math.ceil(1 + math.log10(dollars))))
    draws = uniform(key, [0, 1]).tolist()
    orders = _orders_per_day(profile)
    staged_end = _PAIR_DELISTINGS.get(symbol) if venue == BINANCE else None
    end = min(life.delisted_at, math.inf if staged_end is None else instant(staged_end))
    return SimPair(
        venue=venue,
        symbol=symbol,
        base=life.base,
        quote=quote,
        asset_index=index,
        quote_index=quote_index,
        tick_decimals=tick_decimals,
        step_decimals=step_decimals,
        min_notional=Decimal("0.0001") if in_bitcoin else Decimal(5),
        listed_at=life.listed_at,
        delisted_at=end if math.isfinite(end) else None,
        orders_per_day=min(400.0, max(25.0, orders / 12.0)) if in_bitcoin else orders,
        volume_share=(0.003 if in_bitcoin else 0.05) * (1.0 + 2.0 * draws[0]),
        half_spread=min(0.001, 0.15 / orders) * (3.0 if in_bitcoin else 1.0) * (0.5 + draws[1]),
        halts=_halts(venue, symbol),
    )


def _unit_factor(market: Market, index: int, at: float) -> float:
    """Units at that instant for one unit of the profile."""
    factor = 1.0
    for change in market.universe.changes():
        if change.asset_index == index and change.at <= at:
            factor *= change.units_per_old_unit
    return factor


def _orders_per_day(profile: Profile) -> float:
    traded_usd = profile.price_usd * profile.supply * profile.turnover
    return float(min(4_000.0, max(60.0, 40.0 * (traded_usd / 1e5) ** 0.38)))


def _halts(venue: str, symbol: str) -> tuple[Halt, ...]:
    """The venue's own halts, and of each pair about one in two years, on whole minutes."""
    halts = [
        Halt(starts_at=instant(start), missing_from=instant(missing), ends_at=instant(end))
        for start, missing, end in _VENUE_HALTS.get(venue, ())
    ]
    for year in _HALT_YEARS:
        happens, moment, quiet, missing = uniform(stable_key("halt", venue, symbol, year), range(4)).tolist()
        if happens < 0.5:
            start = instant(f"{year}-01-02T00:00:00") + 60 * int(moment * 362 * MINUTES_PER_DAY)
            missing_from = start + 60 * int(5 + 35 * quiet)
            halts.append(
                Halt(starts_at=start, missing_from=missing_from, ends_at=missing_from + 60 * int(90 * missing))
            )
    return tuple(halts)
