"""The market itself: price, supply and volume of every asset at any instant, and the snapshot of all of them.

    log price = level + beta x (curve that all share) + own curve;   curves are sums of octaves of hashed noise
    volume of an hour = price x supply x daily turnover / 24 x (time of day) x (own curve)

What belongs here: these functions, vectorised over assets or over instants. What does not: identities
(universe.py), what an exchange trades (pairs.py, trades.py), formats of providers.

Prices of an instant in the past are in the units of that instant (a redenomination shows as a jump in `series`
and `price_usd`); the earlier prices inside a Snapshot are restated in the units valid at its own instant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cryptoflow.simulator.market.noise import FloatArray, IntArray, keys_of, lattice, octave_sum, stable_key, uniform
from cryptoflow.simulator.market.universe import DEFAULT_ASSET_COUNT, SimAsset, Universe, instant

HOUR_SECONDS = 3600
DAY_SECONDS = 86_400
YEAR_SECONDS = 365.25 * DAY_SECONDS
REFERENCE_AT = instant("2025-01-01T00:00:00")
# The all-time extremes are followed between these two; outside, the nearer end holds.
FIRST_AT = instant("2013-01-01T00:00:00")
LAST_AT = instant("2031-01-01T00:00:00")

# Four minutes to eight years, each four times the one before.
PERIODS_SECONDS = tuple(240.0 * 4.0**octave for octave in range(11))
SHARED_PERIODS_SECONDS = PERIODS_SECONDS[3:]
_SLOW_OCTAVE = 7  # from here on (45 days and more) a curve is smooth between the knots of the extremes' grid
_EXTREMES_STEP_SECONDS = 20 * DAY_SECONDS
_WANDER_LIMIT_DAYS = 40.0
_VOLUME_PERIODS_SECONDS = (6.0 * HOUR_SECONDS, 2.0 * DAY_SECONDS, 15.0 * DAY_SECONDS)
_VOLUME_AMPLITUDES = (0.25, 0.35, 0.45)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All assets alive at `at`, ordered by market cap, largest first. Unknown values are nan."""

    at: float
    index: IntArray
    price_usd: FloatArray
    market_cap_usd: FloatArray
    volume_24h_usd: FloatArray
    circulating_supply: FloatArray
    total_supply: FloatArray
    high_24h_usd: FloatArray
    low_24h_usd: FloatArray
    price_1h_ago_usd: FloatArray
    price_24h_ago_usd: FloatArray
    price_7d_ago_usd: FloatArray
    price_30d_ago_usd: FloatArray
    price_1y_ago_usd: FloatArray
    ath_usd: FloatArray
    atl_usd: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One asset at many instants; nan before its listing and after its delisting."""

    at: FloatArray
    price_usd: FloatArray
    market_cap_usd: FloatArray
    volume_24h_usd: FloatArray


def _amplitudes(daily_sigma: FloatArray, periods_seconds: Sequence[float]) -> FloatArray:
    """One row per octave. A random walk up to a limit; longer octaves add no more, so that levels stay plausible."""
    days = np.minimum(np.asarray(periods_seconds) / DAY_SECONDS, _WANDER_LIMIT_DAYS)
    return np.sqrt(days)[:, np.newaxis] * daily_sigma[np.newaxis, :]


class Market:
    """The deterministic market of one seed. Every answer is a function of the seed and the asked instants alone."""

    def __init__(self, *, seed: int = 1, asset_count: int = DEFAULT_ASSET_COUNT) -> None:
        self.seed = seed
        self.universe = Universe(asset_count=asset_count)
        profiles = self.universe.profiles
        positions = np.arange(asset_count)
        self._stable = np.array([profile.stable for profile in profiles])
        self._log_level = np.log(np.array([profile.price_usd for profile in profiles]))
        self._supply = np.array([profile.supply for profile in profiles])
        self._issuance = np.array([profile.yearly_issuance for profile in profiles])
        self._max_supply = np.array([np.inf if p.max_supply is None else p.max_supply for p in profiles])
        self._turnover = np.array([profile.turnover for profile in profiles])
        self._beta = np.array([profile.beta for profile in profiles])
        self._total_factor = _total_supply_factors(profiles_known=[p.total_supply_known for p in profiles])
        self._keys = np.stack([keys_of(stable_key(seed, "price", octave), positions) for octave in range(11)])
        self._amplitude = _amplitudes(np.array([p.daily_sigma for p in profiles]), PERIODS_SECONDS)
        # A stablecoin returns to its peg: no octave may carry it away.
        self._amplitude[:, self._stable] = 0.00025
        self._amplitude[5:, self._stable] = 0.0
        self._shared_keys = np.stack(
            [keys_of(stable_key(seed, "shared", octave), 0) for octave in range(len(SHARED_PERIODS_SECONDS))]
        )
        self._shared_amplitude = _amplitudes(np.array([0.02]), SHARED_PERIODS_SECONDS)
        self._volume_keys = np.stack([keys_of(stable_key(seed, "volume", octave), positions) for octave in range(3)])
        self._volume_amplitude = np.asarray(_VOLUME_AMPLITUDES)[:, np.newaxis]
        self._hour_keys = keys_of(stable_key(seed, "volume hour"), positions)
        self._phase_hours = 4.0 * uniform(stable_key(seed, "time of day"), positions)
        self._redenominations = tuple(
            (change.asset_index, change.at, 1.0 / change.units_per_old_unit)
            for change in self.universe.changes()
            if change.units_per_old_unit != 1.0
        )
        self._hour = lru_cache(maxsize=96)(self._hour_of_all)
        self._extremes = lru_cache(maxsize=1)(self._extremes_of_all)

    # Identities -------------------------------------------------------------------------------------------------

    def assets(self, at: float) -> Sequence[SimAsset]:
        """Every asset listed at or before `at` and not delisted then, in index order."""
        return self.universe.assets(at)

    def all_assets(self, at: float) -> Sequence[SimAsset]:
        """Every asset listed at or before `at`, the delisted ones too, in index order."""
        return self.universe.all_assets(at)

    def asset(self, coingecko_id: str, at: float) -> SimAsset | None:
        """The asset of that id as of `at`; None when it is unknown or not listed yet."""
        return self.universe.asset(coingecko_id, at)

    # Prices -----------------------------------------------------------------------------------------------------

    def price_usd(self, index: int, at: float) -> float:
        """The price of one asset at one instant, also before its listing or after its delisting."""
        return float(self.prices_usd(index, np.array([at]))[0])

    def prices_usd(self, index: int, instants: FloatArray) -> FloatArray:
        """The price of one asset at many instants, in the units valid at each of them."""
        prices: FloatArray = np.exp(self._log_prices(index, instants)) * self._unit_price_factor(index, instants)
        return prices

    def _log_prices(self, index: int, instants: FloatArray) -> FloatArray:
        own = octave_sum(self._keys[:, index, None], self._amplitude[:, index, None], PERIODS_SECONDS, instants)
        shared = self._shared(instants) if self._beta[index] else np.zeros(len(instants))
        level: FloatArray = self._log_level[index] + self._beta[index] * shared + own
        return level

    def _log_prices_of_all(self, at: float) -> FloatArray:
        own = octave_sum(self._keys, self._amplitude, PERIODS_SECONDS, np.array([at]))
        level: FloatArray = self._log_level + self._beta * self._shared(np.array([at])) + own
        return level

    def _shared(self, instants: FloatArray) -> FloatArray:
        return octave_sum(self._shared_keys, self._shared_amplitude, SHARED_PERIODS_SECONDS, instants)

    def _unit_price_factor(self, index: int, instants: FloatArray) -> FloatArray:
        factor = np.ones_like(instants)
        for changed, at, ratio in self._redenominations:
            if changed == index:
                factor = np.where(instants >= at, factor * ratio, factor)
        return factor

    def _unit_price_factor_of_all(self, at: float) -> FloatArray:
        factor = np.ones(len(self.universe))
        for changed, changed_at, ratio in self._redenominations:
            if at >= changed_at:
                factor[changed] *= ratio
        return factor

    # Supplies ---------------------------------------------------------------------------------------------------

    def circulating_supply(self, index: int, instants: FloatArray) -> FloatArray:
        """Circulating supply of one asset in the units valid at each instant; it steps once an hour."""
        grown = self._supply[index] * self._growth(self._issuance[index], instants)
        whole: FloatArray = np.rint(np.minimum(grown, self._max_supply[index]))
        return whole / self._unit_price_factor(index, instants)

    def _circulating_of_all(self, at: float) -> FloatArray:
        grown = self._supply * self._growth(self._issuance, np.array([at]))
        whole: FloatArray = np.rint(np.minimum(grown, self._max_supply))
        return whole

    @staticmethod
    def _growth(yearly_issuance: FloatArray | float, instants: FloatArray) -> FloatArray:
        years = (np.floor(instants / HOUR_SECONDS) * HOUR_SECONDS - REFERENCE_AT) / YEAR_SECONDS
        return np.exp(yearly_issuance * years)

    # Volumes ----------------------------------------------------------------------------------------------------

    def hour_volumes_usd(self, index: int, hours: IntArray) -> FloatArray:
        """What the whole world trades of one asset in each of these hours (whole hours since the epoch)."""
        starts = hours.astype(np.float64) * HOUR_SECONDS
        curve = octave_sum(self._volume_keys[:, index, None], self._volume_amplitude, _VOLUME_PERIODS_SECONDS, starts)
        jitter = lattice(self._hour_keys[index], hours.astype(np.float64))
        shape = _time_of_day(starts, self._phase_hours[index]) * np.exp(curve + 0.2 * jitter)
        value = self.prices_usd(index, starts) * self.circulating_supply(index, starts)
        listed, delisted = self.universe.listed_at[index], self.universe.delisted_at[index]
        alive = (starts + HOUR_SECONDS > listed) & (starts < delisted)
        return np.where(alive, value * (self._turnover[index] / 24.0) * shape, 0.0)

    def _hour_of_all(self, hour: int) -> tuple[FloatArray, FloatArray]:
        """(price, volume) of every asset in one hour; the price is its start's, in the oldest units."""
        start = float(hour * HOUR_SECONDS)
        starts = np.array([start])
        prices = np.exp(self._log_prices_of_all(start))
        curve = octave_sum(self._volume_keys, self._volume_amplitude, _VOLUME_PERIODS_SECONDS, starts)
        jitter = lattice(self._hour_keys, np.array([float(hour)]))
        shape = _time_of_day(starts, self._phase_hours) * np.exp(curve + 0.2 * jitter)
        alive = (start + HOUR_SECONDS > self.universe.listed_at) & (start < self.universe.delisted_at)
        volumes = prices * self._circulating_of_all(start) * (self._turnover / 24.0) * shape
        return prices, np.where(alive, volumes, 0.0)

    # Snapshot and series ----------------------------------------------------------------------------------------

    def snapshot(self, at: float) -> Snapshot:
        """All alive assets at once."""
        listed, delisted = self.universe.listed_at, self.universe.delisted_at
        now = np.exp(self._log_prices_of_all(at))
        supply = self._circulating_of_all(at)
        cap = now * supply
        alive = np.flatnonzero((listed <= at) & (delisted > at))
        order = alive[np.argsort(-cap[alive], kind="stable")]
        factor = self._unit_price_factor_of_all(at)
        high, low = self._day_range(at, now)
        ath, atl = self._all_time(at, high, low)

        def past(seconds: float) -> FloatArray:
            then = np.where(listed <= at - seconds, np.exp(self._log_prices_of_all(at - seconds)), np.nan)
            return (then * factor)[order]

        return Snapshot(
            at=at,
            index=order,
            price_usd=(now * factor)[order],
            market_cap_usd=cap[order],
            volume_24h_usd=self._rolling_volume(at)[order],
            circulating_supply=(supply / factor)[order],
            total_supply=np.minimum(supply * self._total_factor, self._max_supply)[order] / factor[order],
            high_24h_usd=(high * factor)[order],
            low_24h_usd=(low * factor)[order],
            price_1h_ago_usd=past(HOUR_SECONDS),
            price_24h_ago_usd=past(DAY_SECONDS),
            price_7d_ago_usd=past(7 * DAY_SECONDS),
            price_30d_ago_usd=past(30 * DAY_SECONDS),
            price_1y_ago_usd=past(365 * DAY_SECONDS),
            ath_usd=(ath * factor)[order],
            atl_usd=(atl * factor)[order],
        )

    def series(self, index: int, instants: Sequence[float]) -> Series:
        """One asset at many instants."""
        at = np.asarray(instants, dtype=np.float64)
        price = self.prices_usd(index, at)
        alive = (at >= self.universe.listed_at[index]) & (at < self.universe.delisted_at[index])
        return Series(
            at=at,
            price_usd=np.where(alive, price, np.nan),
            market_cap_usd=np.where(alive, price * self.circulating_supply(index, at), np.nan),
            volume_24h_usd=np.where(alive, self._rolling_volumes(index, at), np.nan),
        )

    def _rolling_volume(self, at: float) -> FloatArray:
        hour, into = divmod(at, HOUR_SECONDS)
        share = into / HOUR_SECONDS
        total = self._hour(int(hour))[1] * share + self._hour(int(hour) - 24)[1] * (1.0 - share)
        for back in range(23, 0, -1):
            total = total + self._hour(int(hour) - back)[1]
        return total

    def _rolling_volumes(self, index: int, instants: FloatArray) -> FloatArray:
        hours = np.floor(instants / HOUR_SECONDS).astype(np.int64)
        share = instants / HOUR_SECONDS - hours
        wanted = np.unique((hours[:, np.newaxis] - np.arange(25)[np.newaxis, :]).ravel())
        volumes = self.hour_volumes_usd(index, wanted)
        place = np.searchsorted(wanted, hours)
        total = volumes[place] * share + volumes[np.searchsorted(wanted, hours - 24)] * (1.0 - share)
        for back in range(23, 0, -1):
            total = total + volumes[np.searchsorted(wanted, hours - back)]
        return total

    def _day_range(self, at: float, now: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Highest and lowest price of the last day, read at its whole hours and at its end."""
        high, low = now.copy(), now.copy()
        last_hour = int(at // HOUR_SECONDS)
        for hour in range(last_hour, last_hour - 24, -1):
            prices = np.where(self.universe.listed_at <= hour * HOUR_SECONDS, self._hour(hour)[0], now)
            np.maximum(high, prices, out=high)
            np.minimum(low, prices, out=low)
        return high, low

    def _all_time(self, at: float, high: FloatArray, low: FloatArray) -> tuple[FloatArray, FloatArray]:
        highest, lowest = self._extremes()
        # The row of the next knot too, so that a slow climb towards it stays below the high.
        step = min(max(int((at - FIRST_AT) // _EXTREMES_STEP_SECONDS) + 1, 0), len(highest) - 1)
        return np.maximum(np.exp(highest[step]), high), np.minimum(np.exp(lowest[step]), low)

    def _extremes_of_all(self) -> tuple[FloatArray, FloatArray]:
        """Running log extremes since listing, one row per grid step.

        Only the slow octaves are walked; the fast ones are bounded by their amplitudes. So the all-time high is
        never exceeded later by a past price, it only grows, and it costs a few hundred rows instead of millions.
        """
        starts = np.arange(FIRST_AT, LAST_AT, _EXTREMES_STEP_SECONDS)
        bound = self._amplitude[:_SLOW_OCTAVE].sum(axis=0)
        highest = np.full((len(starts), len(self.universe)), -np.inf, dtype=np.float64)
        lowest = np.full_like(highest, np.inf)
        shared = self._shared(starts)
        running_high = np.full(len(self.universe), -np.inf)
        running_low = np.full(len(self.universe), np.inf)
        periods = PERIODS_SECONDS[_SLOW_OCTAVE:]
        for step, start in enumerate(starts):
            slow = octave_sum(
                self._keys[_SLOW_OCTAVE:], self._amplitude[_SLOW_OCTAVE:], periods, np.array([float(start)])
            )
            level = self._log_level + self._beta * shared[step] + slow
            reached = self.universe.listed_at < start + _EXTREMES_STEP_SECONDS
            running_high = np.where(reached, np.maximum(running_high, level + bound), running_high)
            running_low = np.where(reached, np.minimum(running_low, level - bound), running_low)
            highest[step], lowest[step] = running_high, running_low
        return highest, lowest


def _time_of_day(starts: FloatArray, phase_hours: FloatArray | float) -> FloatArray:
    """The daily rhythm of trading: busiest in the afternoon (UTC), with mean one over a day."""
    hours = starts / HOUR_SECONDS % 24.0
    return 1.0 + 0.35 * np.sin((hours - 9.0 - phase_hours) * (2.0 * np.pi / 24.0))


def _total_supply_factors(*, profiles_known: Sequence[bool]) -> FloatArray:
    """Total over circulating supply; nan where no total is published."""
    factors = 1.0 + 0.8 * np.maximum(uniform(stable_key("total supply"), np.arange(len(profiles_known))) - 0.4, 0.0)
    return np.where(np.asarray(profiles_known), factors, np.nan)
