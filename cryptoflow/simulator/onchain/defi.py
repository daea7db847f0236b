"""The simulated protocols of decentralised finance and what is locked in them.

    locked(t) = size x (rise after the start) x (price of ether)^0.8 x (own curve), split over chains by fixed shares

What belongs here: protocols, chains, daily values of both as a pure function of seed and time. What does not: how
DeFiLlama words them (defillama.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from cryptoflow.simulator.market.noise import FloatArray, keys_of, octave_sum, stable_key, uniform
from cryptoflow.simulator.market.universe import instant
from cryptoflow.simulator.onchain.defi_names import CATEGORIES, CHAINS, WELL_KNOWN_PROTOCOLS, made_up_protocol_name

if TYPE_CHECKING:
    from cryptoflow.simulator.market.model import Market
    from cryptoflow.simulator.market.universe import SimAsset

DAY_SECONDS: Final = 86_400
FIRST_DAY: Final = int(instant("2018-11-03T00:00:00") // DAY_SECONDS)
LAST_DAY: Final = int(instant("2031-01-01T00:00:00") // DAY_SECONDS)
PROTOCOL_COUNT: Final = 420
LARGEST_USD: Final = 2.6e10
REFERENCE_ETHER_USD: Final = 3_100.0
NOT_IN_TVL: Final = frozenset({"CEX"})
"""Categories that are no decentralised finance."""
COUNTED_TWICE: Final = frozenset({"Liquid Staking", "Liquid Restaking", "Yield"})
"""Categories whose value is also locked in other protocols, or staked for a chain."""
_PERIODS_SECONDS: Final = (2.0 * DAY_SECONDS, 19.0 * DAY_SECONDS, 160.0 * DAY_SECONDS)
_WOBBLE: Final = (0.03, 0.14, 0.35)
_RISE_DAYS: Final = 220.0
_DAYS_KEPT_AT_ONCE: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """One protocol; shares of `chains` sum to one."""

    number: int
    protocol_id: str
    name: str
    slug: str
    category: str | None
    size_usd: float
    started_at: float
    chains: tuple[str, ...]
    shares: tuple[float, ...]
    token: str | None
    """The coingecko id of its token in the simulated market."""
    staking_share: float
    pool2_share: float
    borrowed_share: float
    forked_from: str | None
    parent: str | None


class DeFi:
    """The protocols of one market."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self.protocols = _protocols(market)
        count = len(self.protocols)
        self._log_size = np.log(np.array([protocol.size_usd for protocol in self.protocols]))
        self._started = np.array([protocol.started_at for protocol in self.protocols])
        self._keys = np.stack(
            [keys_of(stable_key(market.seed, "locked", octave), np.arange(count)) for octave in range(3)]
        )
        self._shares = {chain: np.zeros(count) for chain in CHAINS}
        for protocol in self.protocols:
            for chain, share in zip(protocol.chains, protocol.shares, strict=True):
                self._shares[chain][protocol.number] = share
        categories = [protocol.category or "" for protocol in self.protocols]
        self.is_defi = np.array([category not in NOT_IN_TVL for category in categories])
        self.counts_once = np.array([category not in NOT_IN_TVL | COUNTED_TWICE for category in categories])
        self.by_slug = {protocol.slug: protocol for protocol in self.protocols}

    def locked_usd(self, at: float) -> FloatArray:
        """What each protocol holds at an instant."""
        instants = np.array([at])
        curves = octave_sum(self._keys, np.asarray(_WOBBLE)[:, np.newaxis], _PERIODS_SECONDS, instants)
        return self._scaled(curves[:, np.newaxis], instants)[:, 0]

    def share_of(self, chain: str) -> FloatArray:
        """Which part of each protocol is on the chain."""
        return self._shares[chain]

    def chain_history(self, chain: str | None, *, last_day: int, twice_counted: bool) -> list[tuple[int, float]]:
        """(day, value at its end) of one chain or of all, from the first day with a value on."""
        weights = np.where(self.is_defi if twice_counted else self.counts_once, 1.0, 0.0)
        if chain is not None:
            weights = weights * self._shares[chain]
        values = weights @ self._daily[:, : max(0, min(last_day, LAST_DAY) - FIRST_DAY + 1)]
        return [(FIRST_DAY + place, value) for place, value in enumerate(values.tolist()) if value > 0]

    def protocol_history(self, protocol: Protocol, *, last_day: int) -> list[tuple[int, float]]:
        """(day, value at its end) of one protocol."""
        values = self._daily[protocol.number, : max(0, min(last_day, LAST_DAY) - FIRST_DAY + 1)]
        return [(FIRST_DAY + place, value) for place, value in enumerate(values.tolist()) if value > 0]

    @cached_property
    def _daily(self) -> FloatArray:
        ends: FloatArray = np.arange(FIRST_DAY + 1, LAST_DAY + 2, dtype=np.float64) * DAY_SECONDS
        chunks = [
            self._locked(ends[first : first + _DAYS_KEPT_AT_ONCE]) for first in range(0, len(ends), _DAYS_KEPT_AT_ONCE)
        ]
        return np.concatenate(chunks, axis=1)

    def _locked(self, instants: FloatArray) -> FloatArray:
        """One row per protocol, one column per instant."""
        amplitudes = np.asarray(_WOBBLE)[:, np.newaxis]
        curves = [
            octave_sum(self._keys[:, number, np.newaxis], amplitudes, _PERIODS_SECONDS, instants)
            for number in range(len(self.protocols))
        ]
        return self._scaled(np.stack(curves), instants)

    def _scaled(self, curves: FloatArray, instants: FloatArray) -> FloatArray:
        ether = self._market.prices_usd(min(1, len(self._market.universe) - 1), instants)
        tide = 0.8 * np.log(ether / REFERENCE_ETHER_USD)
        age_days = (instants[np.newaxis, :] - self._started[:, np.newaxis]) / DAY_SECONDS
        rise = np.where(age_days > 0, 1.0 - np.exp(-np.maximum(age_days, 0.0) / _RISE_DAYS), 0.0)
        locked: FloatArray = np.exp(self._log_size[:, np.newaxis] + tide[np.newaxis, :] + curves) * rise
        return locked


def _protocols(market: Market) -> tuple[Protocol, ...]:
    tokens = [asset for asset in market.all_assets(float("inf")) if _is_protocol_token(asset)]
    taken = {token for _, _, token, _ in WELL_KNOWN_PROTOCOLS}
    spare = iter([asset for asset in tokens if asset.coingecko_id not in taken])
    known_ids = {asset.coingecko_id for asset in tokens}
    made: list[Protocol] = []
    slugs: set[str] = set()
    for number in range(PROTOCOL_COUNT):
        if number < len(WELL_KNOWN_PROTOCOLS):
            name, category, token, size_usd = WELL_KNOWN_PROTOCOLS[number]
            token = token if token in known_ids else None
        else:
            asset = next(spare, None)
            name = asset.name if asset else made_up_protocol_name(number)
            category, token = None, asset.coingecko_id if asset else None
            size_usd = LARGEST_USD * (3.0 / number) ** 2.1
        slug = _free_slug(name, slugs)
        made.append(_protocol(number, name=name, slug=slug, category=category, token=token, size_usd=size_usd))
    return tuple(made)


def _is_protocol_token(asset: SimAsset) -> bool:
    wanted = ("Decentralized Finance (DeFi)", "Infrastructure", "Real World Assets (RWA)", "Oracle")
    return asset.kind == "token" and any(category in wanted for category in asset.categories)


def _free_slug(name: str, taken: set[str]) -> str:
    base = "-".join(name.lower().replace(".", "-").split())
    slug, count = base, 1
    while slug in taken:
        count += 1
        slug = f"{base}-{count}"
    taken.add(slug)
    return slug


def _draw(label: str, number: int) -> float:
    return float(uniform(stable_key("protocol", label), number)[0])


def _protocol(
    number: int, *, name: str, slug: str, category: str | None, token: str | None, size_usd: float
) -> Protocol:
    chains, shares = _chains_of(number, category)
    staked = _draw("staked", number)
    first, last = instant("2018-11-01T00:00:00"), instant("2026-06-01T00:00:00")
    # The well-known ones are old, the rest start over the years.
    start = first + (last - first) * (_draw("start", number) * (0.25 if category else 1.0))
    return Protocol(
        number=number,
        protocol_id=str(100 + 7 * number),
        name=name,
        slug=slug,
        category=category or _category_of(number),
        size_usd=size_usd * (0.6 + 0.8 * _draw("size", number)),
        started_at=start // 3600 * 3600,
        chains=chains,
        shares=shares,
        token=token,
        staking_share=0.35 * _draw("staking", number) if staked < 0.38 else 0.0,
        pool2_share=0.1 * _draw("pool2", number) if 0.3 < staked < 0.48 else 0.0,
        borrowed_share=0.55 if category == "Lending" else 0.0,
        forked_from="Uniswap V2" if 0.6 < staked < 0.85 and category is None else None,
        parent=f"parent#{slug.rsplit('-', 1)[0]}" if slug.endswith(("-v2", "-v3")) else None,
    )


def _category_of(number: int) -> str | None:
    draw = _draw("category", number)
    return None if draw < 0.005 else CATEGORIES[int(_draw("which category", number) ** 1.6 * len(CATEGORIES))]


def _chains_of(number: int, category: str | None) -> tuple[tuple[str, ...], tuple[float, ...]]:
    names = tuple(CHAINS)
    wide = 1 + int(_draw("width", number) ** 3 * (9 if category in {"Dexes", "Lending"} else 5))
    # The first chains of the list are the large ones.
    start = int(_draw("home chain", number) ** (6.0 if category else 2.5) * len(names))
    places = (start + step * (1 + number % 3) for step in range(wide))
    chains = tuple(names[place] for place in places if place < len(names))
    weights = [0.5**place for place in range(len(chains))]
    return chains, tuple(weight / sum(weights) for weight in weights)


@lru_cache(maxsize=2)
def defi_of(market: Market) -> DeFi:
    """The protocols of a market; every route shares them."""
    return DeFi(market)
