"""What is asked for market snapshots: of each provider, the figures of the largest assets.

What does not belong here: writing, accounting, which assets are known.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from cryptoflow.collect.planned_pages import PageOutcome, PlannedPages, fetch_planned
from cryptoflow.collect.planning import DATASET
from cryptoflow.collect.quarantining import refused
from cryptoflow.refine.identity import Listing
from cryptoflow.refine.quota_calls import PlannedCall
from cryptoflow.sources.coingecko import MOST_PER_PAGE as COINGECKO_ROWS
from cryptoflow.sources.coingecko import CoinGecko, MarketRow
from cryptoflow.sources.coinmarketcap import CoinMarketCap, QuoteRow
from cryptoflow.sources.errors import QuotaSpent, RateLimited
from cryptoflow.sources.http import ProviderClient
from cryptoflow.sources.ledger import RawAnswer
from cryptoflow.sources.pages import Page
from cryptoflow.sources.providers import COINGECKO, COINMARKETCAP
from cryptoflow.warehouse.quarantine import RefusedRow
from cryptoflow.warehouse.slots import AskedRanks, SlotState


class Figures(msgspec.Struct, frozen=True, kw_only=True):
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
    asked: Sequence[AskedRanks] = ()
    """Stretches of the ranking that were asked; none when it was not asked by rank."""
    refused_keys: Mapping[str, str] = field(default_factory=dict)
    """The provider's keys of refused rows, as far as they could be read, each with the rule."""

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
    figures = [coingecko_figures(row, answer) for row, answer in pages.rows]
    return _answer(pages, figures, provider=COINGECKO, rows_per_page=COINGECKO_ROWS)


async def ask_coinmarketcap(client: ProviderClient, *, calls: Sequence[PlannedCall]) -> SnapshotAnswer:
    """The ranks of the calls."""
    coinmarketcap = CoinMarketCap(client)

    async def fetch(call: PlannedCall) -> Page[QuoteRow]:
        return await coinmarketcap.listings_latest_page({"start": call.first_rank, "limit": call.row_count})

    pages = await fetch_planned(calls, fetch, key=lambda row: row.cmc_id)
    return _answer(pages, [coinmarketcap_figures(row, answer) for row, answer in pages.rows], provider=COINMARKETCAP)


def _answer(
    pages: PlannedPages[Any], figures: Sequence[Figures], *, provider: str, rows_per_page: int | None = None
) -> SnapshotAnswer:
    """`rows_per_page` is how many rows a page holds whatever was asked for."""
    rows = [refused(bad.row, bad.payload_sha256, dataset=DATASET, provider=provider) for bad in pages.bad]
    return SnapshotAnswer(
        figures=figures,
        refused=rows,
        details=pages.details,
        asked=[asked_ranks(one, row_count=rows_per_page or one.call.row_count) for one in pages.outcomes],
        refused_keys={key: row.rule for row in rows if (key := key_in(row.row_text)) is not None},
    )


def asked_ranks(outcome: PageOutcome, *, row_count: int) -> AskedRanks:
    """What it means for an asset of these ranks that it did not come."""
    unnamed = sum(key_in(text) is None for text in outcome.bad_rows)
    state: SlotState = "feed_down"
    if outcome.error is not None:
        state = "throttled" if isinstance(outcome.error, QuotaSpent | RateLimited) else "feed_down"
        reason = f"Its page failed: {outcome.error.what}"
    elif not outcome.rows:
        reason = "Its page came empty."
    elif outcome.is_repeated:
        reason = "Its page and another came with the same rows."
    elif unnamed:
        reason = f"It may be one of the {unnamed} rows of its page that could not be read."
    else:
        state = "source_has_none"
        reason = "Its page came without it: it moved to another rank, or is no longer listed."
    first = outcome.call.first_rank
    return AskedRanks(
        first_rank=first,
        last_rank=first + row_count - 1,
        state=state,
        reason=reason,
        failed=outcome.error is not None,
        payload_sha256=outcome.payload_sha256,
    )


def key_in(text: str) -> str | None:
    """The provider's key in a row that could not be read as a whole; None when there is none either."""
    try:
        row = json.loads(text)
    except ValueError:
        return None
    key = row.get("id") if isinstance(row, dict) else None
    return str(key) if isinstance(key, str | int) else None


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
