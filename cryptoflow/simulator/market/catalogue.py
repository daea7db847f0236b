"""The identities of the simulated universe before time is applied: well-known coins, staged ones, made-up ones.

What belongs here: names, ids, symbols, magnitudes. The well-known coins (catalogue.csv) carry the ids under which the
providers list them; everything else is invented. The staged ones, also in catalogue.csv, exist to be awkward: shared
symbols, a very long symbol, extreme magnitudes, the events of universe.py. What does not: prices (model.py).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

STABLE_SIGMA = 0.0005
"""Below this daily movement an asset is held at its peg."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What an asset is, with its magnitudes at the reference instant."""

    coingecko_id: str
    cmc_id: int
    symbol: str
    name: str
    price_usd: float
    supply: float
    max_supply: float | None
    total_supply_known: bool
    daily_sigma: float
    beta: float
    turnover: float
    yearly_issuance: float
    platform_id: str | None
    contract_address: str | None
    listed: str
    consensus: str | None
    hashing_algorithm: str | None
    genesis_date: str | None
    reddit: str | None
    github: str | None
    twitter: str | None
    categories: tuple[str, ...]
    exchange_listed: bool

    @property
    def stable(self) -> bool:
        """Whether the asset is held at its peg."""
        return self.daily_sigma < STABLE_SIGMA


@lru_cache(maxsize=1)
def named_profiles() -> tuple[Profile, ...]:
    """The well-known and then the staged assets, in the order of their indices."""
    text = files(__package__).joinpath("catalogue.csv").read_text(encoding="utf-8")
    return tuple(_profile(row) for row in csv.DictReader(text.splitlines()))


def _profile(row: Mapping[str, str]) -> Profile:
    return Profile(
        coingecko_id=row["coingecko_id"],
        cmc_id=int(row["cmc_id"]),
        symbol=row["symbol"],
        name=row["name"],
        price_usd=float(row["price_usd"]),
        supply=float(row["supply"]),
        max_supply=float(row["max_supply"]) if row["max_supply"] else None,
        total_supply_known=row["total_supply_known"] == "yes",
        daily_sigma=float(row["daily_sigma"]),
        beta=float(row["beta"]),
        turnover=float(row["turnover"]),
        yearly_issuance=float(row["yearly_issuance"]),
        platform_id=row["platform_id"] or None,
        contract_address=row["contract_address"] or None,
        listed=row["listed"],
        consensus=row["consensus"] or None,
        hashing_algorithm=row["hashing_algorithm"] or None,
        genesis_date=row["genesis_date"] or None,
        reddit=row["reddit"] or None,
        github=row["github"] or None,
        twitter=row["twitter"] or None,
        categories=tuple(row["categories"].split("|")) if row["categories"] else (),
        exchange_listed=row["exchange_listed"] == "yes",
    )


_SYLLABLES = (
    "ba bel bra cal cor dar del dra el fal fen gal gri hal hel "
    "ira jor kal kel lor mar mel nar nor or pel ran sol tar vel",
    "a ae an ar de do e en er i il in ka li lo ma mi na ne o on or ra ri ro si ta ti u va",
    "bit ce dax dor dex fi gen gon hex io ix ka la lin lum mar mint net nix nor on pad rex rune sys tex tor vex x zen",
)
_SUFFIXES = ("", " Protocol", " Network", " Finance", "", " Chain", " DAO", " Token", "")
_SYLLABLES_PER_PLACE = 30
MADE_UP_LIMIT = _SYLLABLES_PER_PLACE**3
# A step without a common factor with the number of words visits every word once before it repeats.
_WORD_STEP = 7_919


@lru_cache(maxsize=1)
def _places() -> tuple[list[str], ...]:
    return tuple(place.split() for place in _SYLLABLES)


def made_up_names(number: int) -> tuple[str, str, str]:
    """(id, symbol, name) of the invented asset of that number; ids are unique below MADE_UP_LIMIT, symbols are not."""
    position = (number * _WORD_STEP + 11) % MADE_UP_LIMIT
    onsets, middles, endings = _places()
    onset = onsets[position % _SYLLABLES_PER_PLACE]
    middle = middles[position // _SYLLABLES_PER_PLACE % _SYLLABLES_PER_PLACE]
    ending = endings[position // _SYLLABLES_PER_PLACE**2]
    word = f"{onset}{middle}{ending}"
    suffix = _SUFFIXES[number % len(_SUFFIXES)]
    # The parts are kept apart in the id, or two splits of one word ("da" + "rix", "dar" + "ix") would meet.
    return f"{onset}{middle}-{ending}", word[: 3 + number % 3].upper(), f"{word.capitalize()}{suffix}"
