"""Which assets exist at which instant, and under which identity.

What belongs here: the assets of the simulated market, their identities as valid at an instant, and the dated
events that change them (listing, delisting, rename, redenomination). What does not: prices and supplies
(model.py), exchange pairs (pairs.py), how a provider words any of it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

import numpy as np

from cryptoflow.errors import UsageError
from cryptoflow.simulator.market.catalogue import MADE_UP_LIMIT, Profile, made_up_names, named_profiles
from cryptoflow.simulator.market.noise import FloatArray, stable_key, uniform

DEFAULT_ASSET_COUNT = 250
MADE_UP_CMC_ID_BASE = 1_000_100
_PLATFORMS = ("ethereum", "binance-smart-chain", "solana", "base", "polygon-pos", "arbitrum-one")
_CATEGORIES = (
    ("Smart Contract Platform",),
    ("Decentralized Finance (DeFi)",),
    ("Meme",),
    ("Gaming (GameFi)",),
    ("Artificial Intelligence (AI)",),
    ("Infrastructure",),
    ("Real World Assets (RWA)",),
)
_MAX_SUPPLY_KNOWN_SHARE = 0.57
_TOTAL_SUPPLY_KNOWN_SHARE = 0.945
_DELISTED_SHARE = 0.03
_LATE_LISTED_SHARE = 0.10


def instant(text: str) -> float:
    """Unix seconds of an ISO instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True, kw_only=True)
class SimAsset:
    """One asset as valid at the asked instant."""

    index: int
    coingecko_id: str
    cmc_id: int
    slug: str
    symbol: str
    name: str
    kind: str
    platform_id: str | None
    contract_address: str | None
    listed_at: float
    delisted_at: float | None
    max_supply: Decimal | None
    consensus: str | None
    hashing_algorithm: str | None
    genesis_date: str | None
    reddit: str | None
    github: str | None
    twitter: str | None
    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimEvent:
    """One dated change of the universe. `kind` is listing, delisting, rename or redenomination."""

    kind: str
    asset_index: int
    at: float
    detail: str
    symbol: str | None = None
    name: str | None = None
    units_per_old_unit: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _StagedChange:
    coingecko_id: str
    at: str
    symbol: str
    name: str
    price_factor: float = 1.0


_CHANGES = (
    _StagedChange(coingecko_id="harborlight", at="2024-09-04T10:00:00", symbol="LUMR", name="Lumera"),
    _StagedChange(coingecko_id="quenta", at="2025-03-18T08:00:00", symbol="QNTX", name="Quenta X", price_factor=1000.0),
    _StagedChange(coingecko_id="mirelle-finance", at="2026-02-12T09:00:00", symbol="MIRA", name="Mirelle"),
    _StagedChange(coingecko_id="nova-lend", at="2027-04-06T12:00:00", symbol="NVL", name="Novalend"),
)
_DRAWN = (
    "cap",
    "supply",
    "max",
    "total",
    "sigma",
    "beta",
    "turnover",
    "issuance",
    "platform",
    "exchange",
    "listed",
    "late",
    "category",
    "pow",
    "community",
)
_STAGED_DELISTINGS = {"corvane": "2024-05-22T06:00:00", "teldrim": "2026-08-19T06:00:00"}


class Universe:
    """Every asset that ever exists in the market, and the events of their lives; no seed changes who they are."""

    def __init__(self, *, asset_count: int = DEFAULT_ASSET_COUNT) -> None:
        limit = len(named_profiles()) + MADE_UP_LIMIT
        if not 1 <= asset_count <= limit:
            raise UsageError(
                f"A simulated market of {asset_count} assets cannot be made.",
                cure=f"Ask for 1 to {limit} assets.",
            )
        self.profiles: tuple[Profile, ...] = _profiles(asset_count)
        self.listed_at: FloatArray = np.array([instant(profile.listed) for profile in self.profiles])
        self.delisted_at: FloatArray = _delistings(self.profiles, self.listed_at)
        self._first = tuple(self._original(index) for index in range(asset_count))
        positions = {asset.coingecko_id: asset.index for asset in self._first}
        self._changes = tuple(
            SimEvent(
                kind="rename" if change.price_factor == 1.0 else "redenomination",
                asset_index=positions[change.coingecko_id],
                at=instant(change.at),
                detail=_describe(change),
                symbol=change.symbol,
                name=change.name,
                units_per_old_unit=1.0 / change.price_factor,
            )
            for change in _CHANGES
            if change.coingecko_id in positions
        )
        self._positions = positions
        ends = self.delisted_at[np.isfinite(self.delisted_at)]
        self._borders: list[float] = sorted({*self.listed_at.tolist(), *ends.tolist(), *(c.at for c in self._changes)})
        self._known_at_border = lru_cache(maxsize=8)(self._known)
        self._alive_at_border = lru_cache(maxsize=8)(self._alive)

    def __len__(self) -> int:
        return len(self.profiles)

    def events(self) -> tuple[SimEvent, ...]:
        """Every event of every asset, in time order."""
        listings = [
            SimEvent(kind="listing", asset_index=index, at=float(at), detail=f"{self._first[index].name} is listed")
            for index, at in enumerate(self.listed_at)
        ]
        delistings = [
            SimEvent(kind="delisting", asset_index=index, at=float(at), detail=f"{self._first[index].name} is delisted")
            for index, at in enumerate(self.delisted_at)
            if np.isfinite(at)
        ]
        return tuple(sorted([*listings, *delistings, *self._changes], key=lambda event: (event.at, event.asset_index)))

    def changes(self) -> tuple[SimEvent, ...]:
        """Renames and redenominations only."""
        return self._changes

    def all_assets(self, at: float) -> Sequence[SimAsset]:
        """Every asset listed at or before `at`, the delisted ones too, in index order."""
        return self._known_at_border(bisect_right(self._borders, at))

    def assets(self, at: float) -> Sequence[SimAsset]:
        """Every asset listed at or before `at` and not delisted then, in index order."""
        return self._alive_at_border(bisect_right(self._borders, at))

    def asset(self, coingecko_id: str, at: float) -> SimAsset | None:
        """The asset of that id as of `at`; None when it is unknown or not listed yet."""
        index = self._positions.get(coingecko_id)
        if index is None or self.listed_at[index] > at:
            return None
        return self._as_of(index, at)

    def _as_of(self, index: int, at: float) -> SimAsset:
        asset = self._first[index]
        for change in self._changes:
            if change.asset_index == index and change.at <= at:
                supply = asset.max_supply
                rescaled = None if supply is None else Decimal(int(supply * Decimal(change.units_per_old_unit)))
                asset = replace(
                    asset, symbol=change.symbol or asset.symbol, name=change.name or asset.name, max_supply=rescaled
                )
        return asset

    def _border_instant(self, border: int) -> float:
        return self._borders[border - 1] if border else float("-inf")

    def _known(self, border: int) -> tuple[SimAsset, ...]:
        at = self._border_instant(border)
        changed = {change.asset_index for change in self._changes}
        listed = np.flatnonzero(self.listed_at <= at).tolist()
        return tuple(self._as_of(index, at) if index in changed else self._first[index] for index in listed)

    def _alive(self, border: int) -> tuple[SimAsset, ...]:
        at = self._border_instant(border)
        return tuple(asset for asset in self._known(border) if asset.delisted_at is None or asset.delisted_at > at)

    def _original(self, index: int) -> SimAsset:
        profile = self.profiles[index]
        delisted_at = float(self.delisted_at[index])
        return SimAsset(
            index=index,
            coingecko_id=profile.coingecko_id,
            cmc_id=profile.cmc_id,
            slug=profile.coingecko_id,
            symbol=profile.symbol,
            name=profile.name,
            kind="coin" if profile.platform_id is None else "token",
            platform_id=profile.platform_id,
            contract_address=profile.contract_address,
            listed_at=float(self.listed_at[index]),
            delisted_at=delisted_at if np.isfinite(delisted_at) else None,
            max_supply=None if profile.max_supply is None else Decimal(int(profile.max_supply)),
            consensus=profile.consensus,
            hashing_algorithm=profile.hashing_algorithm,
            genesis_date=profile.genesis_date,
            reddit=profile.reddit,
            github=profile.github,
            twitter=profile.twitter,
            categories=profile.categories,
        )


def _describe(change: _StagedChange) -> str:
    if change.price_factor == 1.0:
        return f"becomes {change.name} ({change.symbol})"
    return f"becomes {change.name} ({change.symbol}), one new unit for {change.price_factor:.0f} old ones"


def _delistings(profiles: Sequence[Profile], listed_at: FloatArray) -> FloatArray:
    """The end of each asset's life, infinity for most. Only invented assets end, on whole hours of 2023 to 2027."""
    count = len(profiles)
    fate = uniform(stable_key("delisted"), np.arange(count))
    moment = uniform(stable_key("delisted at"), np.arange(count))
    first, last = instant("2023-02-01T00:00:00"), instant("2027-12-01T00:00:00")
    start = np.maximum(first, listed_at + 120 * 86_400)
    ends = np.floor((start + moment * (last - start)) / 3600) * 3600
    made_up = np.arange(count) >= len(named_profiles())
    result: FloatArray = np.where(made_up & (fate < _DELISTED_SHARE) & (start < last), ends, np.inf)
    for index, profile in enumerate(profiles[: len(named_profiles())]):
        if profile.coingecko_id in _STAGED_DELISTINGS:
            result[index] = instant(_STAGED_DELISTINGS[profile.coingecko_id])
    return result


def _profiles(asset_count: int) -> tuple[Profile, ...]:
    known = named_profiles()[:asset_count]
    return (*known, *_made_up_profiles(first_index=len(known), count=asset_count - len(known)))


def _made_up_profiles(*, first_index: int, count: int) -> list[Profile]:
    indices = np.arange(first_index, first_index + count)
    draw = {label: uniform(stable_key("profile", label), indices).tolist() for label in _DRAWN}
    return [
        _made_up_profile(int(index), {label: column[row] for label, column in draw.items()})
        for row, index in enumerate(indices)
    ]


def _made_up_profile(index: int, draw: dict[str, float]) -> Profile:
    coingecko_id, symbol, name = made_up_names(index - len(named_profiles()))
    market_cap_usd = 1.6e9 * (52.0 / index) ** 1.6 * 2.0 ** (2.0 * draw["cap"] - 1.0)
    supply = float(round(10.0 ** (6.5 + 5.5 * draw["supply"])))
    capped = draw["max"] < _MAX_SUPPLY_KNOWN_SHARE
    is_token = draw["platform"] < 0.6
    platform = _PLATFORMS[int(draw["platform"] / 0.6 * len(_PLATFORMS))] if is_token else None
    return Profile(
        coingecko_id=coingecko_id,
        cmc_id=MADE_UP_CMC_ID_BASE + index,
        symbol=symbol,
        name=name,
        price_usd=market_cap_usd / supply,
        supply=supply,
        max_supply=float(round(supply * (1.3 + 2.0 * draw["supply"]))) if capped else None,
        total_supply_known=draw["total"] < _TOTAL_SUPPLY_KNOWN_SHARE,
        daily_sigma=0.025 + 0.045 * draw["sigma"],
        beta=0.4 + 1.2 * draw["beta"],
        turnover=10.0 ** (-2.6 + 2.1 * draw["turnover"]),
        yearly_issuance=0.06 * draw["issuance"],
        platform_id=platform,
        contract_address=None if platform is None else _address(platform, index),
        listed=_listing_date(draw["listed"], late=draw["late"] < _LATE_LISTED_SHARE),
        genesis_date=None,
        consensus=None if is_token else ("pow" if draw["pow"] < 0.25 else "pos"),
        hashing_algorithm="Scrypt" if not is_token and draw["pow"] < 0.25 else None,
        reddit=coingecko_id.replace("-", "") if draw["community"] < 0.6 else None,
        github=f"{coingecko_id}-labs/{coingecko_id.split('-')[0]}" if draw["community"] > 0.35 else None,
        twitter=coingecko_id.replace("-", "_") if draw["community"] < 0.9 else None,
        categories=_CATEGORIES[int(draw["category"] * len(_CATEGORIES))],
        exchange_listed=index < 600 and draw["exchange"] < 0.45,
    )


def _listing_date(share: float, *, late: bool) -> str:
    """Most assets are there before 2023; the late ones arrive on whole hours of 2023 to 2027."""
    first, last = ("2023-01-10", "2027-11-01") if late else ("2016-01-01", "2022-10-01")
    start, end = instant(f"{first}T00:00:00"), instant(f"{last}T00:00:00")
    at = (start + share * (end - start)) // 3600 * 3600
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _address(platform: str, index: int) -> str:
    parts = [f"{stable_key('address', platform, index, part):016x}" for part in range(3)]
    text = "".join(parts)
    return f"0x{text[:40]}" if platform != "solana" else text[:44].translate(str.maketrans("0l", "oL"))
