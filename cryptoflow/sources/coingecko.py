"""What can be asked of CoinGecko (API v3), and the records that come back. All amounts in US dollars.

The id is CoinGecko's only stable key; symbols repeat. Any figure may be null. Ranks move while one pages.
What does not belong here: requests (http.py), tables, the meaning of a figure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from urllib.parse import quote

import msgspec
from msgspec import field

from cryptoflow.sources.decode import (
    BadRow,
    Instant,
    Wire,
    check_number,
    decode_rows,
    decode_whole,
    instant_from_ms,
)
from cryptoflow.sources.http import ProviderClient
from cryptoflow.sources.ledger import RawAnswer
from cryptoflow.sources.pages import Collected, Page, PageNumbers, collect

MOST_PER_PAGE = 250
"""Asking for more silently gives so many."""

_CHANGES = "1h,24h,7d"


class CoinListing(Wire, frozen=True, kw_only=True):
    """One coin of the full list."""

    coingecko_id: str = field(name="id")
    symbol: str
    name: str
    platforms: dict[str, str | None] = field(default_factory=dict)
    """Contract address by platform."""


class MarketRow(Wire, frozen=True, kw_only=True):
    """What is taken of one coin of the market list. The figures without a default are in every sound row, null or not.

    Records, highs and changes in dollars follow from the rest; the answer itself is kept with all that it says.
    """

    coingecko_id: str = field(name="id")
    symbol: str
    name: str
    image_url: str | None = field(name="image", default=None)
    market_cap_rank: int | None = None
    price_usd: Decimal | None = field(name="current_price")
    market_cap_usd: Decimal | None = field(name="market_cap")
    volume_24h_usd: Decimal | None = field(name="total_volume")
    circulating_supply: Decimal | None
    fully_diluted_valuation_usd: Decimal | None = field(name="fully_diluted_valuation", default=None)
    price_change_24h_percent: Decimal | None = field(name="price_change_percentage_24h", default=None)
    price_change_1h_percent: Decimal | None = field(name="price_change_percentage_1h_in_currency", default=None)
    price_change_7d_percent: Decimal | None = field(name="price_change_percentage_7d_in_currency", default=None)
    total_supply: Decimal | None = None
    max_supply: Decimal | None = None
    observed_at: Instant | None = field(name="last_updated")


class KeyUsage(Wire, frozen=True, kw_only=True):
    """What a paid key may do and has done this month."""

    rate_limit_request_per_minute: int | None = None
    monthly_call_credit: int | None = None
    current_total_monthly_calls: int | None = None
    current_remaining_monthly_calls: int | None = None


class _Ping(Wire, frozen=True, kw_only=True):
    gecko_says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartPoint:
    """One instant of a market chart. The volume is the rolling figure of 24 hours, not that of a bucket."""

    observed_at: datetime
    price_usd: Decimal | None
    market_cap_usd: Decimal | None
    volume_24h_usd: Decimal | None
    is_live: bool
    """The last point of a chart that reaches the present is "now", off the grid of the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketChart:
    """The history of one coin, oldest first, with the points that did not fit set apart by series."""

    coingecko_id: str
    points: tuple[ChartPoint, ...]
    bad: Mapping[str, tuple[BadRow, ...]]
    answer: RawAnswer


class CoinGecko:
    """Questions to CoinGecko. The client is the caller's to open and close."""

    def __init__(self, client: ProviderClient) -> None:
        self._client = client

    async def ping(self) -> str:
        """Whether CoinGecko is there; its greeting."""
        return decode_whole(await self._client.ask("ping"), _Ping).gecko_says

    async def key_usage(self) -> tuple[KeyUsage, RawAnswer]:
        """Plan and use of the key, and the answer that said so; answered on the paid plan only."""
        answer = await self._client.ask("key")
        return decode_whole(answer, KeyUsage), answer

    async def coins_list(self, *, include_platform: bool = True) -> Page[CoinListing]:
        """Every active coin, in one answer of a megabyte or more."""
        answer = await self._client.ask("coins/list", params={"include_platform": include_platform})
        return Page(rows=decode_rows(answer, CoinListing), answer=answer)

    async def coins_markets_page(self, params: Mapping[str, object]) -> Page[MarketRow]:
        """One page of the market list, largest market cap first unless `params` say otherwise."""
        asked = {
            "vs_currency": "usd",
            "order": "market_cap_desc",
            "price_change_percentage": _CHANGES,
            "precision": "full",
            **params,
        }
        return market_page(await self._client.ask("coins/markets", params=asked))

    async def coins_markets(self, *, wanted: int | None = None, concurrency: int = 2) -> Collected[MarketRow]:
        """The market list: the first `wanted` coins by market cap, or all."""
        per_page = min(wanted or MOST_PER_PAGE, MOST_PER_PAGE)
        return await collect(
            PageNumbers(per_page=per_page),
            self.coins_markets_page,
            key=lambda row: row.coingecko_id,
            page_size=per_page,
            wanted=wanted,
            concurrency=concurrency,
        )

    async def market_chart(self, coingecko_id: str, *, days: int | str) -> MarketChart:
        """The last `days` (or "max"): 5-minute points for one day, hourly up to 90, daily beyond."""
        answer = await self._ask_chart(coingecko_id, "market_chart", {"days": days})
        return chart_from(coingecko_id, answer, reaches_now=True)

    async def market_chart_range(self, coingecko_id: str, *, start: datetime, end: datetime) -> MarketChart:
        """The chart between two instants; the grain follows from the length as with `days`."""
        span = {"from": int(start.timestamp()), "to": int(end.timestamp())}
        answer = await self._ask_chart(coingecko_id, "market_chart/range", span)
        return chart_from(coingecko_id, answer, reaches_now=end >= answer.fetched_at)

    async def _ask_chart(self, coingecko_id: str, kind: str, span: Mapping[str, object]) -> RawAnswer:
        return await self._client.ask(
            f"coins/{{id}}/{kind}",
            path=f"coins/{quote(coingecko_id, safe='')}/{kind}",
            params={"vs_currency": "usd", "precision": "full", **span},
        )


def market_page(answer: RawAnswer) -> Page[MarketRow]:
    """An answer of /coins/markets as records."""
    return Page(rows=decode_rows(answer, MarketRow), answer=answer)


_SERIES = ("prices", "market_caps", "total_volumes")


class _ChartPair(msgspec.Struct, frozen=True, array_like=True):
    """[unix milliseconds, value]"""

    at_ms: int
    value: Decimal | None

    def __post_init__(self) -> None:
        instant_from_ms(self.at_ms)
        if self.value is not None:
            check_number(self.value, "value")


def chart_from(coingecko_id: str, answer: RawAnswer, *, reaches_now: bool) -> MarketChart:
    """The three series of a chart, joined by time."""
    series = {name: decode_rows(answer, _ChartPair, path=(name,)) for name in _SERIES}
    values = {name: {pair.at_ms: pair.value for pair in rows.good} for name, rows in series.items()}
    instants = sorted(set().union(*values.values()))
    last = len(instants) - 1
    points = tuple(
        ChartPoint(
            observed_at=instant_from_ms(at_ms),
            price_usd=values["prices"].get(at_ms),
            market_cap_usd=values["market_caps"].get(at_ms),
            volume_24h_usd=values["total_volumes"].get(at_ms),
            is_live=reaches_now and number == last,
        )
        for number, at_ms in enumerate(instants)
    )
    bad = {name: rows.bad for name, rows in series.items() if rows.bad}
    return MarketChart(coingecko_id=coingecko_id, points=points, bad=bad, answer=answer)
