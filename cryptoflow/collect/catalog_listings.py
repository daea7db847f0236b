"""From the providers' records to listings: what CoinGecko and CoinMarketCap each say of an asset's identity. Pure.

What does not belong here: which listings mean the same asset (refine.identity).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from cryptoflow.refine.identity import Listing, normal_address
from cryptoflow.sources.coingecko import CoinListing, MarketRow
from cryptoflow.sources.coinmarketcap import CoinIdentity, CoinInfo
from cryptoflow.warehouse.storable import storable_text

_LAST_RANK: Final = 1_000_000


def coingecko_listings(rows: Iterable[MarketRow], coins: Mapping[str, CoinListing]) -> list[Listing]:
    """The universe, with the platforms that the full list knows."""
    return [_coingecko_listing(row, coins.get(row.coingecko_id)) for row in rows]


def _coingecko_listing(row: MarketRow, coin: CoinListing | None) -> Listing:
    homes = {
        platform: address for platform, address in (coin.platforms if coin else {}).items() if platform and address
    }
    platform = next(iter(homes), None)
    return Listing(
        key=storable_text(row.coingecko_id),
        slug=storable_text(row.coingecko_id),
        symbol=storable_text(row.symbol),
        name=storable_text(row.name),
        contract_addresses=frozenset(normal_address(address) for address in homes.values()),
        fields=_without_silence(
            kind=None if coin is None else ("token" if homes else "coin"),
            platform=platform,
            contract_address=homes[platform] if platform else None,
            market_cap_rank=_rank(row.market_cap_rank),
            logo_url=row.image_url,
        ),
    )


def coinmarketcap_listings(rows: Iterable[CoinIdentity], infos: Mapping[int, CoinInfo]) -> list[Listing]:
    """The universe, with what CoinMarketCap tells about the coins that it was asked about."""
    return [_coinmarketcap_listing(row, infos.get(row.cmc_id)) for row in rows]


def _coinmarketcap_listing(row: CoinIdentity, info: CoinInfo | None) -> Listing:
    address = row.platform.token_address if row.platform else None
    return Listing(
        key=str(row.cmc_id),
        slug=storable_text(row.slug),
        symbol=storable_text(row.symbol),
        name=storable_text(row.name),
        contract_addresses=frozenset([normal_address(address)]) if address else frozenset(),
        fields=_without_silence(
            kind="token" if row.platform else "coin",
            platform=row.platform.slug if row.platform else None,
            contract_address=address,
            market_cap_rank=_rank(row.rank),
            **(_told(info) if info else {}),
        ),
    )


def _rank(said: int | None) -> int | None:
    """Ranks begin with 1; anything else says nothing."""
    return said if said is not None and 1 <= said <= _LAST_RANK else None


def _told(info: CoinInfo) -> dict[str, object]:
    added = info.date_added
    return {
        "description": info.description or None,
        "logo_url": info.logo_url,
        "website_url": _first(info, "website"),
        "twitter_handle": _last_part(_first(info, "twitter")),
        "reddit_url": _first(info, "reddit"),
        "github_url": _first(info, "source_code"),
        "whitepaper_url": _first(info, "technical_doc"),
        "date_added": added.strftime("%Y-%m-%dT%H:%M:%SZ") if added else None,
    }


def _first(info: CoinInfo, kind: str) -> str | None:
    return next(iter(info.urls.get(kind, ())), None) or None


def _last_part(url: str | None) -> str | None:
    return (urlsplit(url).path.rstrip("/").rpartition("/")[2] or None) if url else None


def _without_silence(**fields: object) -> dict[str, object]:
    return {
        name: storable_text(value) if isinstance(value, str) else value
        for name, value in fields.items()
        if value is not None
    }
