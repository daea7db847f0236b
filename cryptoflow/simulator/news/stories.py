"""What happens in the simulated world, day by day: the stories that the feeds then tell in their own words.

A story is made of the simulated market: an asset that moved strongly, a listing, a new mining difficulty, the state of
the market; between them the daily noise of firms, courts and upgrades, all of it invented. A day's stories are a
function of seed and day, and each knows only what had happened by its own time.

What belongs here: what happened, when, to which asset, with which figures. What does not: sentences (wording.py),
which feed tells it and when (newsroom.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from cryptoflow.simulator.market.noise import FloatArray, stable_key, uniform
from cryptoflow.simulator.market.universe import instant
from cryptoflow.simulator.news.names import AUTHORITIES, FIRMS, PEOPLE, PLACES
from cryptoflow.simulator.onchain.bitcoin_chain import EPOCH_BLOCKS, bitcoin_chain

if TYPE_CHECKING:
    from cryptoflow.simulator.market.model import Market
    from cryptoflow.simulator.market.universe import SimAsset, SimEvent

DAY_SECONDS: Final = 86_400
HOUR_SECONDS: Final = 3_600
FIRST_DAY: Final = int(instant("2013-06-01T00:00:00") // DAY_SECONDS)
MAX_STORIES_PER_DAY: Final = 128
_KEPT_DAYS: Final = 24
_WATCHED_ASSETS: Final = 62
_LARGE_ASSETS: Final = 2
_LARGE_MOVE: Final = 0.035
_STRONG_MOVE: Final = 0.065
_EXTREME_MOVE: Final = 0.14
_WRAP_HOURS: Final = (6, 14, 21)
# (kind, share of the daily noise, from how far down the ranking its assets come)
_NOISE: Final = (
    ("regulation_eased", 0.07, 6),
    ("regulation_tightened", 0.06, 6),
    ("funding", 0.12, 60),
    ("hack", 0.06, 60),
    ("upgrade", 0.09, 30),
    ("upgrade_delayed", 0.04, 30),
    ("inflows", 0.06, 5),
    ("outflows", 0.05, 5),
    ("partnership", 0.11, 50),
    ("analyst_bullish", 0.07, 12),
    ("analyst_bearish", 0.06, 12),
    ("suit_filed", 0.03, 25),
    ("suit_dismissed", 0.03, 25),
    ("treasury_buys", 0.05, 4),
    ("treasury_sells", 0.02, 4),
    ("press_release", 0.08, 250),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One thing that happened. `facts` are the words and figures that every wording may use."""

    key: int
    day: int
    place: int
    kind: str
    at: float
    asset_indices: tuple[int, ...]
    facts: Mapping[str, str]

    @property
    def number(self) -> int:
        """A number that no other story has, from which it can be found again."""
        return self.day * MAX_STORIES_PER_DAY + self.place


class NewsWire:
    """The stories of one market."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._seed = market.seed
        self._of_day = lru_cache(maxsize=_KEPT_DAYS)(self._make_day)
        self._events_of_day: dict[int, list[SimEvent]] = defaultdict(list)
        for event in market.universe.events():
            self._events_of_day[int(event.at // DAY_SECONDS)].append(event)

    def stories_of_day(self, day: int) -> tuple[Story, ...]:
        """Every story of a day (days since the epoch), in order of time."""
        return self._of_day(day)

    def story(self, number: int) -> Story | None:
        """The story of that number."""
        day, place = divmod(number, MAX_STORIES_PER_DAY)
        if day < FIRST_DAY:
            return None
        stories = self.stories_of_day(day)
        return next((story for story in stories if story.place == place), None)

    def _make_day(self, day: int) -> tuple[Story, ...]:
        drafts = [*self._moves(day), *self._wraps(day), *self._events(day), *self._difficulty(day), *self._noise(day)]
        drafts.sort(key=lambda draft: (draft.at, draft.kind))
        kept = drafts[:MAX_STORIES_PER_DAY]
        return tuple(self._finished(draft, day, place) for place, draft in enumerate(kept))

    def _finished(self, draft: _Draft, day: int, place: int) -> Story:
        key = stable_key(self._seed, "story", day, draft.kind, int(draft.at), *draft.asset_indices)
        return Story(
            key=key,
            day=day,
            place=place,
            kind=draft.kind,
            at=draft.at,
            asset_indices=draft.asset_indices,
            facts={**self._words(key), **draft.facts},
        )

    # What the market brings -------------------------------------------------------------------------------------

    def _watched(self, at: float) -> list[SimAsset]:
        return [
            asset
            for asset in self._market.assets(at)
            if asset.index < _WATCHED_ASSETS and "Stablecoins" not in asset.categories
        ]

    def _moves(self, day: int) -> Iterator[_Draft]:
        """The first hour of the day in which an asset's change over 24 hours passes a threshold."""
        hours: FloatArray = day * 24.0 + np.arange(-25.0, 24.0)
        for asset in self._watched(day * DAY_SECONDS):
            prices = self._market.prices_usd(asset.index, hours * HOUR_SECONDS)
            changes = prices[24:] / prices[:-24] - 1.0
            place = _first_crossing(changes, _LARGE_MOVE if asset.index < _LARGE_ASSETS else _STRONG_MOVE)
            if place is None:
                continue
            at = float(hours[24 + place] * HOUR_SECONDS) + self._jitter("move", day, asset.index, 1_500.0)
            if asset.listed_at > at - 2 * DAY_SECONDS:
                continue
            kind = "surge" if changes[place] > 0 else "slump"
            yield _Draft(kind=kind, at=at, asset_indices=(asset.index,), facts=self._figures(asset, at))

    def _wraps(self, day: int) -> Iterator[_Draft]:
        for hour in _WRAP_HOURS:
            at = day * DAY_SECONDS + hour * HOUR_SECONDS + self._jitter("wrap", day, hour, 1_200.0)
            bitcoin = self._market.asset("bitcoin", at)
            if bitcoin is not None:
                facts = self._figures(bitcoin, at)
                kind = "wrap_up" if not facts["signed_change"].startswith("-") else "wrap_down"
                yield _Draft(kind=kind, at=at, asset_indices=(0,), facts=facts)

    def _events(self, day: int) -> Iterator[_Draft]:
        for event in self._events_of_day.get(day, ()):
            yield self._event(event)

    def _event(self, event: SimEvent) -> _Draft:
        at = event.at + self._jitter("event", int(event.at), event.asset_index, 900.0)
        known = self._market.all_assets(at)
        asset = next(asset for asset in known if asset.index == event.asset_index)
        facts = {"name": asset.name, "symbol": asset.symbol, "detail": event.detail}
        return _Draft(kind=event.kind, at=at, asset_indices=(asset.index,), facts=facts)

    def _difficulty(self, day: int) -> Iterator[_Draft]:
        chain = bitcoin_chain(self._seed)
        heights = chain.heights_between(day * DAY_SECONDS, (day + 1) * DAY_SECONDS)
        for height in heights:
            if height % EPOCH_BLOCKS == 0 and height:
                change = (chain.difficulty(height) / chain.difficulty(height - 1) - 1.0) * 100
                facts = {
                    "name": "Bitcoin",
                    "symbol": "BTC",
                    "change": f"{abs(change):.1f}",
                    "height": f"{height:,}",
                    "difficulty": f"{chain.difficulty(height) / 1e12:.1f} trillion",
                }
                kind = "difficulty_up" if change >= 0 else "difficulty_down"
                yield _Draft(kind=kind, at=chain.block_at(height) + 600.0, asset_indices=(0,), facts=facts)

    # What only makes noise --------------------------------------------------------------------------------------

    def _noise(self, day: int) -> Iterator[_Draft]:
        assets = list(self._market.assets(day * DAY_SECONDS))
        for hour in range(24):
            draw = uniform(stable_key(self._seed, "noise", day, hour), np.arange(12)).tolist()
            count = 1 + int(draw[0] < 0.75) + int(draw[1] < 0.45)
            for turn in range(count):
                kind, reach = _noise_kind(draw[2 + turn])
                asset = assets[int(draw[5 + turn] ** 1.7 * min(reach, len(assets)))]
                at = day * DAY_SECONDS + hour * HOUR_SECONDS + draw[8 + turn] * (HOUR_SECONDS - 1)
                yield _Draft(kind=kind, at=float(int(at)), asset_indices=(asset.index,), facts=self._figures(asset, at))

    def _jitter(self, *parts: str | int | float) -> float:
        *names, width = parts
        key = stable_key(self._seed, *(str(name) for name in names))
        return float(int(float(width) * float(uniform(key, 0)[0])))

    def _words(self, key: int) -> dict[str, str]:
        return {
            "firm": FIRMS[key % len(FIRMS)],
            "other_firm": FIRMS[(key + 1 + key // 16 % (len(FIRMS) - 1)) % len(FIRMS)],
            "person": PEOPLE[key // 256 % len(PEOPLE)],
            "authority": AUTHORITIES[key // 4096 % len(AUTHORITIES)],
            "place": PLACES[key // 4096 % len(PLACES)],
            "amount": f"{3 + key // 65_536 % 240}",
            "quantity": f"{2 + key // 65_536 % 46},{key // 2**32 % 1000:03d}",
            "level": f"{5 + key // 2**24 % 30}",
            "price": "an undisclosed price",
            "change": "0.0",
            "signed_change": "0.0",
            "volume": "little",
            "cap": "an unknown sum",
        }

    def _figures(self, asset: SimAsset, at: float) -> dict[str, str]:
        before, price = self._market.prices_usd(asset.index, np.array([at - DAY_SECONDS, at])).tolist()
        if asset.listed_at > at - DAY_SECONDS:
            return _names(asset)
        change = (price / before - 1.0) * 100
        supply = float(self._market.circulating_supply(asset.index, np.array([at]))[0])
        hours = int(at // HOUR_SECONDS) - np.arange(24)
        volume = float(self._market.hour_volumes_usd(asset.index, hours).sum())
        return _names(asset) | {
            "price": money(price),
            "change": f"{abs(change):.1f}",
            "signed_change": f"{change:+.1f}",
            "cap": money(price * supply),
            "volume": money(volume),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    kind: str
    at: float
    asset_indices: tuple[int, ...]
    facts: Mapping[str, str]


def _names(asset: SimAsset) -> dict[str, str]:
    return {"name": asset.name, "symbol": asset.symbol}


def _first_crossing(changes: FloatArray, threshold: float) -> int | None:
    """The first place (from 1 on) at which the size passes the threshold, or the extreme one, from below."""
    sizes = np.abs(changes)
    passed = [(sizes[1:] >= limit) & (sizes[:-1] < limit) for limit in (threshold, _EXTREME_MOVE)]
    places = np.flatnonzero(passed[0] | passed[1])
    return int(places[0]) + 1 if len(places) else None


def _noise_kind(draw: float) -> tuple[str, int]:
    for kind, share, reach in _NOISE:
        draw -= share
        if draw < 0:
            return kind, reach
    return _NOISE[0][0], _NOISE[0][2]


def money(value: float) -> str:
    """A sum as a newspaper writes it."""
    for size, word in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if value >= size:
            return f"${value / size:.2f} {word}"
    if value >= 1:
        return f"${value:,.0f}" if value >= 1_000 else f"${value:.2f}"
    return f"${Decimal(f'{value:.3g}'):f}"


@lru_cache(maxsize=2)
def news_wire(market: Market) -> NewsWire:
    """The stories of a market; every feed shares them."""
    return NewsWire(market)
