"""How CoinGecko writes values: rounding, instants, other currencies, images.

What does not belong here: which field holds what.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from datetime import UTC, datetime

Number = int | float

# Units of one US dollar. Fixed: the simulated market knows no exchange rates.
FIAT_PER_USD: dict[str, float] = {
    "usd": 1.0,
    "eur": 0.92,
    "gbp": 0.79,
    "jpy": 151.0,
    "chf": 0.88,
    "cny": 7.2,
    "krw": 1_380.0,
    "inr": 84.0,
}
COIN_CURRENCIES: dict[str, str] = {"btc": "bitcoin", "eth": "ethereum"}
CURRENCIES: tuple[str, ...] = (*COIN_CURRENCIES, *FIAT_PER_USD)

Rounding = Callable[[float], Number]


def fraction(*parts: object) -> float:
    """A number in [0, 1) that depends on the parts alone."""
    return zlib.crc32("/".join(map(str, parts)).encode()) / 2**32


def price(value: float) -> Number:
    """A price as the site shows it: whole from ten thousand on, cents from one on, else six significant digits."""
    size = abs(value)
    if size >= 10_000:
        return round(value)
    if size >= 1:
        return round(value, 2)
    return _significant(value, 6)


def amount(value: float) -> Number:
    """A sum of money: whole, but for small ones."""
    return round(value) if abs(value) >= 100_000 else _significant(value, 9)


def percent(value: float) -> float:
    """A percentage with five decimals."""
    return round(value, 5)


def rounding(precision: str | None) -> Rounding:
    """How to round prices under the parameter `precision`: none, `full`, or a number of decimals."""
    if precision == "full":
        return float
    if precision is not None and precision.isdigit() and int(precision) <= 18:
        return lambda value: round(value, int(precision))
    return price


def or_null(value: float, write: Callable[[float], Number] = float) -> Number | None:
    """The written value, or null where there is none."""
    return write(value) if math.isfinite(value) else None


def change_percent(now: float, then: float) -> float:
    """The change in percent; not a number when either is unknown."""
    return (now / then - 1.0) * 100.0 if then > 0 else math.nan


def iso(at: float) -> str:
    """`2026-01-31T12:34:56.789Z`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{int(at * 1000) % 1000:03d}Z"


def image_url(index: int, coingecko_id: str, size: str = "large") -> str:
    """Where the coin's picture would be."""
    return (
        f"https://coin-images.coingecko.com/coins/images/{index + 1}/{size}/{coingecko_id}.png?{1_696_500_000 + index}"
    )


def _significant(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}") if value else 0.0
