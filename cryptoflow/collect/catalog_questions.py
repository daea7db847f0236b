"""What is asked for the asset catalog: of each provider its universe, and every key that it lists at all.

What does not belong here: writing, accounting, the order in which providers are asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptoflow.collect.catalog_listings import coingecko_listings, coinmarketcap_listings
from cryptoflow.collect.quarantining import refused_in, refused_on, seen
from cryptoflow.errors import PermanentError
from cryptoflow.refine.identity import ProviderListing
from cryptoflow.sources.coingecko import CoinGecko
from cryptoflow.sources.coinmarketcap import CoinMarketCap
from cryptoflow.sources.http import ProviderClient
from cryptoflow.sources.providers import COINGECKO, COINMARKETCAP
from cryptoflow.warehouse.quarantine import RefusedRow

DATASET: Final = "market.assets"
# CoinMarketCap describes so many coins in one call.
INFO_BATCH: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogAnswer:
    """What one provider gave: its listing, the rows that did not decode, and what the walk over its pages saw."""

    listing: ProviderListing
    refused: Sequence[RefusedRow]
    details: dict[str, object]

    @property
    def listed(self) -> int:
        """Assets that it lists."""
        return len(self.listing.listings)


async def ask_coingecko(client: ProviderClient, *, universe_size: int) -> CatalogAnswer:
    """The largest coins by market cap, and the list of all coins with their platforms."""
    coingecko = CoinGecko(client)
    markets = await coingecko.coins_markets(wanted=universe_size)
    coins = await coingecko.coins_list()
    _require(markets.rows, COINGECKO, "coins/markets")
    known = {coin.coingecko_id: coin for coin in coins.rows.good}
    return CatalogAnswer(
        listing=ProviderListing(
            provider=COINGECKO,
            observed_at=datetime.now(UTC),
            listings=coingecko_listings(markets.rows, known),
            # A list with holes cannot say what is gone.
            listed_keys=frozenset(known) if known and not coins.rows.bad else None,
        ),
        refused=[
            *refused_in(markets, dataset=DATASET, provider=COINGECKO),
            *refused_on(coins, dataset=DATASET, provider=COINGECKO),
        ],
        details=seen(markets),
    )


async def ask_coinmarketcap(client: ProviderClient, *, universe_size: int) -> CatalogAnswer:
    """The map of all coins, and what the largest of them say about themselves."""
    coinmarketcap = CoinMarketCap(client)
    identities = await coinmarketcap.cryptocurrency_map()
    _require(identities.rows, COINMARKETCAP, "cryptocurrency/map")
    active = [row for row in identities.rows if row.is_active != 0]
    universe = [row for row in active if row.rank is not None][:universe_size]
    pages = [
        await coinmarketcap.info(row.cmc_id for row in universe[start : start + INFO_BATCH])
        for start in range(0, len(universe), INFO_BATCH)
    ]
    return CatalogAnswer(
        listing=ProviderListing(
            provider=COINMARKETCAP,
            observed_at=datetime.now(UTC),
            listings=coinmarketcap_listings(universe, {info.cmc_id: info for page in pages for info in page.rows.good}),
            listed_keys=frozenset(str(row.cmc_id) for row in active) if not identities.bad else None,
        ),
        refused=[
            *refused_in(identities, dataset=DATASET, provider=COINMARKETCAP),
            *(row for page in pages for row in refused_on(page, dataset=DATASET, provider=COINMARKETCAP)),
        ],
        details=seen(identities),
    )


def _require(rows: Sequence[object], provider: str, endpoint: str) -> None:
    if not rows:
        raise PermanentError(
            f"{provider} {endpoint} answered with no usable asset at all.",
            cure="The rows that were refused, if any, are in ops.quarantine; see also `cryptoflow doctor`.",
        )
