"""What can be asked of CoinMarketCap (Pro API), and the records that come back. All amounts in US dollars.

Ids are stable, symbols repeat. Nothing is asked without a key. A call costs credits: one per 200 rows begun, none for
the map and the key's own account. The shape of `data` and `quote` differs between versions (list or
object): both are read.
What does not belong here: requests (http.py), tables, the meaning of a figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from msgspec import field

from cryptoflow.sources.decode import Instant, Rows, Wire, decode_rows, decode_whole, member, rows_of, split
from cryptoflow.sources.decode import unexpected as unexpected_shape
from cryptoflow.sources.errors import Asked, KeyRejected
from cryptoflow.sources.http import ProviderClient
from cryptoflow.sources.ledger import RawAnswer
from cryptoflow.sources.pages import Collected, Page, StartLimit, collect

MOST_PER_PAGE = 5_000
ROWS_PER_CREDIT = 200
CURRENCY = "USD"
LISTINGS_LATEST = "v1/cryptocurrency/listings/latest"

_Row = TypeVar("_Row")


class Platform(Wire, frozen=True, kw_only=True):
    """Where a token lives."""

    cmc_id: int | None = field(name="id", default=None)
    name: str | None = None
    symbol: str | None = None
    slug: str | None = None
    token_address: str | None = None


class CoinIdentity(Wire, frozen=True, kw_only=True):
    """One coin of the map."""

    cmc_id: int = field(name="id")
    name: str
    symbol: str
    slug: str
    rank: int | None = None
    is_active: int | None = None
    first_historical_at: Instant | None = field(name="first_historical_data", default=None)
    last_historical_at: Instant | None = field(name="last_historical_data", default=None)
    platform: Platform | None = None


class CoinInfo(Wire, frozen=True, kw_only=True):
    """What a coin says about itself."""

    cmc_id: int = field(name="id")
    name: str
    symbol: str
    slug: str
    category: str | None = None
    logo_url: str | None = field(name="logo", default=None)
    description: str | None = None
    notice: str | None = None
    tags: tuple[str, ...] | None = None
    platform: Platform | None = None
    date_added: Instant | None = None
    date_launched: Instant | None = None
    urls: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Addresses by kind: website, technical_doc, twitter, reddit, source_code ..."""


class _Quote(Wire, frozen=True, kw_only=True):
    symbol: str | None = None
    price: Decimal | None
    volume_24h: Decimal | None
    market_cap: Decimal | None
    volume_change_24h: Decimal | None = None
    percent_change_1h: Decimal | None = None
    percent_change_24h: Decimal | None = None
    percent_change_7d: Decimal | None = None
    market_cap_dominance: Decimal | None = None
    fully_diluted_market_cap: Decimal | None = None
    last_updated: Instant | None = None


class _WireListing(Wire, frozen=True, kw_only=True):
    id: int
    name: str
    symbol: str
    slug: str
    quote: dict[str, _Quote] | list[_Quote]
    cmc_rank: int | None = None
    num_market_pairs: int | None = None
    date_added: Instant | None = None
    tags: tuple[str | dict[str, object], ...] | None = None
    max_supply: Decimal | None = None
    infinite_supply: bool | None = None
    circulating_supply: Decimal | None
    total_supply: Decimal | None = None
    self_reported_circulating_supply: Decimal | None = None
    self_reported_market_cap: Decimal | None = None
    platform: Platform | None = None
    last_updated: Instant | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if _usd(self.quote) is None:
            raise ValueError(f"there is no quote in {CURRENCY}")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteRow:
    """One coin with its latest figures."""

    cmc_id: int
    name: str
    symbol: str
    slug: str
    cmc_rank: int | None
    market_pairs: int | None
    date_added: Instant | None
    tags: tuple[str, ...]
    platform: Platform | None
    price_usd: Decimal | None
    market_cap_usd: Decimal | None
    volume_24h_usd: Decimal | None
    volume_change_24h_percent: Decimal | None
    price_change_1h_percent: Decimal | None
    price_change_24h_percent: Decimal | None
    price_change_7d_percent: Decimal | None
    market_cap_dominance_percent: Decimal | None
    fully_diluted_market_cap_usd: Decimal | None
    circulating_supply: Decimal | None
    total_supply: Decimal | None
    max_supply: Decimal | None
    is_supply_infinite: bool | None
    self_reported_circulating_supply: Decimal | None
    self_reported_market_cap_usd: Decimal | None
    observed_at: Instant | None


class KeyPlan(Wire, frozen=True, kw_only=True):
    """What the key's plan allows."""

    credit_limit_monthly: int | None = None
    credit_limit_monthly_reset_timestamp: Instant | None = None
    credit_limit_daily: int | None = None
    rate_limit_minute: int | None = None


class UsedCredits(Wire, frozen=True, kw_only=True):
    """Credits of one period."""

    credits_used: int | None = None
    credits_left: int | None = None


class UsedRequests(Wire, frozen=True, kw_only=True):
    """Requests of the current minute."""

    requests_made: int | None = None
    requests_left: int | None = None


class KeyUsage(Wire, frozen=True, kw_only=True):
    """What was used of the plan."""

    current_minute: UsedRequests | None = None
    current_day: UsedCredits | None = None
    current_month: UsedCredits | None = None


class KeyInfo(Wire, frozen=True, kw_only=True):
    """The key's own account."""

    plan: KeyPlan
    usage: KeyUsage | None = None


class _KeyInfoAnswer(Wire, frozen=True, kw_only=True):
    data: KeyInfo


class CoinMarketCap:
    """Questions to CoinMarketCap. The client is the caller's to open and close."""

    def __init__(self, client: ProviderClient) -> None:
        self._client = client

    async def key_info(self) -> tuple[KeyInfo, RawAnswer]:
        """Plan and use of the key, and the answer that said so. It costs nothing."""
        answer = await self._ask("v1/key/info", {}, units=0)
        return decode_whole(answer, _KeyInfoAnswer).data, answer

    async def cryptocurrency_map(self, *, wanted: int | None = None) -> Collected[CoinIdentity]:
        """Identities of active coins, best rank first: the first `wanted`, or all."""

        async def page(params: Mapping[str, int]) -> Page[CoinIdentity]:
            answer = await self._ask("v1/cryptocurrency/map", {"sort": "cmc_rank", **params}, units=0)
            return Page(rows=decode_rows(answer, CoinIdentity, path=("data",)), answer=answer)

        limit = min(wanted or MOST_PER_PAGE, MOST_PER_PAGE)
        return await collect(StartLimit(limit=limit), page, key=lambda row: row.cmc_id, page_size=limit, wanted=wanted)

    async def listings_latest_page(self, params: Mapping[str, int]) -> Page[QuoteRow]:
        """One page of the listings, largest market cap first: `start` (counted from 1) and `limit`."""
        asked = {"sort": "market_cap", "sort_dir": "desc", "convert": CURRENCY, **params}
        return listings_page(await self._ask(LISTINGS_LATEST, asked, units=credits_for(params["limit"])))

    async def listings_latest(
        self, *, wanted: int | None = None, per_page: int = MOST_PER_PAGE, concurrency: int = 2
    ) -> Collected[QuoteRow]:
        """The latest figures by market cap: of the first `wanted` coins, or of all."""
        limit = min(wanted or per_page, per_page, MOST_PER_PAGE)
        return await collect(
            StartLimit(limit=limit),
            self.listings_latest_page,
            key=lambda row: row.cmc_id,
            page_size=limit,
            wanted=wanted,
            concurrency=concurrency,
        )

    async def quotes_latest(self, ids: Iterable[int]) -> Page[QuoteRow]:
        """The latest figures of the given coins. Unknown ids are left out by CoinMarketCap."""
        asked = [str(cmc_id) for cmc_id in ids]
        answer = await self._ask(
            "v2/cryptocurrency/quotes/latest",
            {"id": ",".join(asked), "convert": CURRENCY, "skip_invalid": True},
            units=credits_for(len(asked)),
        )
        return Page(rows=_quote_rows(_rows_in_data(answer, _WireListing)), answer=answer)

    async def info(self, ids: Iterable[int]) -> Page[CoinInfo]:
        """Description, logo and links of the given coins."""
        asked = [str(cmc_id) for cmc_id in ids]
        answer = await self._ask(
            "v2/cryptocurrency/info",
            {"id": ",".join(asked), "skip_invalid": True},
            units=credits_for(len(asked)),
        )
        return Page(rows=_rows_in_data(answer, CoinInfo), answer=answer)

    async def _ask(self, endpoint: str, params: Mapping[str, object], *, units: int) -> RawAnswer:
        if self._client.provider.key is None:
            raise KeyRejected(
                "not asked, because no key is set.",
                asked=Asked(provider=self._client.provider.name, endpoint=endpoint),
                cure="Set CRYPTOFLOW_COINMARKETCAP_API_KEY (the free Basic plan suffices).",
            )
        return await self._client.ask(endpoint, params=params, units=units)


def credits_for(rows: int) -> int:
    """What an answer of so many rows costs."""
    return max(1, -(-rows // ROWS_PER_CREDIT))


def listings_page(answer: RawAnswer) -> Page[QuoteRow]:
    """An answer of listings/latest as records."""
    return Page(rows=_quote_rows(decode_rows(answer, _WireListing, path=("data",))), answer=answer)


def _rows_in_data(answer: RawAnswer, record: type[_Row]) -> Rows[_Row]:
    """Rows of `data`, whether it is a list, an object by id, or an object of lists by symbol."""
    data = split(member(answer, ("data",)))
    if data is None:
        raise unexpected_shape(answer, path="$.data", expected="expected `array` or `object`")
    items: list[bytes] = []
    for item in data.values() if isinstance(data, dict) else data:
        several = split(item)
        items += several if isinstance(several, list) else [item]
    return rows_of(answer, items, record, prefix="$.data")


def _quote_rows(rows: Rows[_WireListing]) -> Rows[QuoteRow]:
    return Rows(good=tuple(_quote_row(row) for row in rows.good), bad=rows.bad)


def _quote_row(row: _WireListing) -> QuoteRow:
    quote = _usd(row.quote)
    assert quote is not None
    return QuoteRow(
        cmc_id=row.id,
        name=row.name,
        symbol=row.symbol,
        slug=row.slug,
        cmc_rank=row.cmc_rank,
        market_pairs=row.num_market_pairs,
        date_added=row.date_added,
        tags=tuple(_tag(tag) for tag in row.tags or ()),
        platform=row.platform,
        price_usd=quote.price,
        market_cap_usd=quote.market_cap,
        volume_24h_usd=quote.volume_24h,
        volume_change_24h_percent=quote.volume_change_24h,
        price_change_1h_percent=quote.percent_change_1h,
        price_change_24h_percent=quote.percent_change_24h,
        price_change_7d_percent=quote.percent_change_7d,
        market_cap_dominance_percent=quote.market_cap_dominance,
        fully_diluted_market_cap_usd=quote.fully_diluted_market_cap,
        circulating_supply=row.circulating_supply,
        total_supply=row.total_supply,
        max_supply=row.max_supply,
        is_supply_infinite=row.infinite_supply,
        self_reported_circulating_supply=row.self_reported_circulating_supply,
        self_reported_market_cap_usd=row.self_reported_market_cap,
        observed_at=quote.last_updated or row.last_updated,
    )


def _usd(quote: dict[str, _Quote] | list[_Quote]) -> _Quote | None:
    if isinstance(quote, dict):
        return quote.get(CURRENCY)
    return next((one for one in quote if one.symbol == CURRENCY), None)


def _tag(tag: str | dict[str, object]) -> str:
    return tag if isinstance(tag, str) else str(tag.get("slug") or tag.get("name"))
