"""Parameters of CoinMarketCap's endpoints: numbers, currencies, and which coins are meant.

What does not belong here: what is answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cryptoflow.simulator.coingecko.view import Coin
from cryptoflow.simulator.coinmarketcap.listing import CURRENCY_IDS, Listings

if TYPE_CHECKING:
    from starlette.requests import Request

KEYS = ("id", "slug", "symbol")


class BadParam(Exception):
    """A parameter is missing or unusable; the text is for the caller."""


def number(text: str | None, name: str, *, default: int, highest: int) -> int:
    """A whole number from 1 to `highest`."""
    if text is None or text == "":
        return default
    if not text.isdigit() or not 1 <= int(text) <= highest:
        raise BadParam(f'"{name}" must be a whole number from 1 to {highest}')
    return int(text)


def decimal(text: str | None, name: str) -> float | None:
    """A number, or None when it is not given."""
    if text is None or text == "":
        return None
    try:
        return float(text)
    except ValueError:
        raise BadParam(f'"{name}" must be a number') from None


def currencies_of(query: Mapping[str, str], listings: Listings) -> list[str]:
    """The currencies to quote in, from `convert` or `convert_id`; US dollars when neither is given."""
    if query.get("convert") and query.get("convert_id"):
        raise BadParam('"convert" and "convert_id" exclude each other')
    if ids := query.get("convert_id"):
        by_id = {str(number): name for name, number in CURRENCY_IDS.items()}
        return [_known(by_id.get(word), "convert_id", word) for word in ids.split(",")]
    words = [word.upper() for word in query.get("convert", "USD").split(",") if word]
    return [_known(word if listings.view.per_usd(word.lower()) else None, "convert", word) for word in words]


def chosen_coins(request: Request, listings: Listings) -> tuple[str, list[tuple[int, Coin]]]:
    """By which parameter coins are named, and each named coin with its rank."""
    query = request.query_params
    given = [name for name in KEYS if query.get(name)]
    if len(given) != 1:
        raise BadParam('"value" must contain exactly one of "id", "slug" or "symbol"')
    by = given[0]
    words = [word.strip() for word in query[by].split(",") if word.strip()]
    wanted = {word.upper() if by == "symbol" else word for word in words}
    ranked = list(enumerate(listings.coins, start=1))
    chosen = [(rank, coin) for rank, coin in ranked if _name_of(coin, by) in wanted]
    missing = wanted - {_name_of(coin, by) for _, coin in chosen}
    if missing and (query.get("skip_invalid") == "false" or not chosen):
        raise BadParam(f'Invalid values for "{by}": {", ".join(sorted(missing))}')
    return by, chosen


def keyed(by: str, rows: Sequence[tuple[Coin, dict[str, object]]]) -> dict[str, object]:
    """Rows as an object: by id, or by symbol with an array each, for symbols are shared."""
    if by != "symbol":
        return {str(coin.asset.cmc_id): row for coin, row in rows}
    by_symbol: dict[str, object] = {}
    for coin, row in rows:
        same = by_symbol.setdefault(coin.asset.symbol, [])
        same.append(row)  # type: ignore[attr-defined]
    return by_symbol


def _name_of(coin: Coin, by: str) -> str:
    if by == "id":
        return str(coin.asset.cmc_id)
    return coin.asset.slug if by == "slug" else coin.asset.symbol


def _known(currency: str | None, name: str, word: str) -> str:
    if currency is None:
        raise BadParam(f'Invalid value for "{name}": "{word}"')
    return currency
