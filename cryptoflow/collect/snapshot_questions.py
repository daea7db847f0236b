"""What is asked for market snapshots: of each provider, the figures of the largest assets.

What does not belong here: writing, accounting, which assets are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from cryptoflow.collect.planned_pages import PlannedPages, fetch_planned
from cryptoflow.collect.planning import DATASET
from cryptoflow.collect.quarantining import refused
from cryptoflow.refine.identity import Listing
from cryptoflow.refine.quota_calls import PlannedCall
from cryptoflow.sources.coingecko import MOST_PER_PAGE as COINGECKO_ROWS
from cryptoflow.sources.coingecko import CoinGecko, MarketRow
from cryptoflow.sources.coinmarketcap import CoinMarketCap, QuoteRow
from cryptoflow.sources.http import ProviderClient
from cryptoflow.sources.ledger import RawAnswer
from cryptoflow.sources.pages import Page
from cryptoflow.sources.providers import COINGECKO, COINMARKETCAP
from cryptoflow.warehouse.quarantine import RefusedRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a provider says of one asset, under the provider's own key."""

    listing: Listing
    observed_at: datetime | None
    fetched_at: datetime
    payload_sha256: bytes
    price_usd: Decimal | None
    market_cap_usd: Decimal | None
    volume_24h_usd: Decimal | None
    circulating_supply: Decimal | None
    total_supply: Decimal | None
    max_supply: Decimal | None
    market_cap_rank: int | None
    fully_diluted_valuation_usd: Decimal | None
    price_change_1h_percent: Decimal | None
    price_change_24h_percent: Decimal | None
    price_change_7d_percent: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotAnswer:
    """What one provider gave."""

    figures: Sequence[Figures]
    refused: Sequence[RefusedRow]
    details: dict[str, object]

    @property
    def listed(self) -> int:
        """Rows that can be used."""
        return len(self.figures)


async def ask_coingecko(client: ProviderClient, *, calls: Sequence[PlannedCall]) -> SnapshotAnswer:
    """The ranks of the calls. Pages are of full size, so that a rank is on the same page whoever asks."""
    coingecko = CoinGecko(client)

    async def fetch(call: PlannedCall) -> Page[MarketRow]:
        number = (call.first_rank - 1) // COINGECKO_ROWS + 1
        return await coingecko.coins_markets_page({"page": number, "per_page": COINGECKO_ROWS})

    pages = await fetch_planned(calls, fetch, key=lambda row: row.coingecko_id)
    return _answer(pages, [coingecko_figures(row, answer) for row, answer in pages.rows], provider=COINGECKO)


async def ask_coinmarketcap(client: ProviderClient, *, calls: Sequence[PlannedCall]) -> SnapshotAnswer:
    """The ranks of the calls."""
    coinmarketcap = CoinMarketCap(client)

    async def fetch(call: PlannedCall) -> Page[QuoteRow]:
        return await coinmarketcap.listings_latest_page({"start": call.first_rank, "limit": call.row_count})

    pages = await fetch_planned(calls, fetch, key=lambda row: row.cmc_id)
    return _answer(pages, [coinmarketcap_figures(row, answer) for row, answer in pages.rows], provider=COINMARKETCAP)


def _answer(pages: PlannedPages[Any], figures: Sequence[Figures], *, provider: str) -> SnapshotAnswer:
    return SnapshotAnswer(
        figures=figures,
        refused=[refused(bad.row, bad.payload_sha256, dataset=DATASET, provider=provider) for bad in pages.bad],
        details=pages.details,
    )


def coingecko_figures(row: MarketRow, answer: RawAnswer) -> Figures:
    """A row of /coins/markets."""
    return Figures(
        listing=Listing(key=row.coingecko_id, slug=row.coingecko_id, symbol=row.symbol, name=row.name),
        observed_at=row.observed_at,
        fetched_at=answer.fetched_at,
        payload_sha256=answer.payload_sha256,
        price_usd=row.price_usd,
        market_cap_usd=row.market_cap_usd,
        volume_24h_usd=row.volume_24h_usd,
        circulating_supply=row.circulating_supply,
        total_supply=row.total_supply,
        max_supply=row.max_supply,
        market_cap_rank=row.market_cap_rank,
        fully_diluted_valuation_usd=row.fully_diluted_valuation_usd,
        price_change_1h_percent=row.price_change_1h_percent,
        price_change_24h_percent=row.price_change_24h_percent,
        price_change_7d_percent=row.price_change_7d_percent,
    )


def coinmarketcap_figures(row: QuoteRow, answer: RawAnswer) -> Figures:
    """A row of listings/latest."""
    return Figures(
        listing=Listing(key=str(row.cmc_id), slug=row.slug, symbol=row.symbol, name=row.name),
        observed_at=row.observed_at,
        fetched_at=answer.fetched_at,
        payload_sha256=answer.payload_sha256,
        price_usd=row.price_usd,
        market_cap_usd=row.market_cap_usd,
        volume_24h_usd=row.volume_24h_usd,
        circulating_supply=row.circulating_supply,
        total_supply=row.total_supply,
        max_supply=row.max_supply,
        market_cap_rank=row.cmc_rank,
        fully_diluted_valuation_usd=row.fully_diluted_market_cap_usd,
        price_change_1h_percent=row.price_change_1h_percent,
        price_change_24h_percent=row.price_change_24h_percent,
        price_change_7d_percent=row.price_change_7d_percent,
    )
