"""From the providers' records to listings: what each says of an asset, silence left out, nothing unstorable let in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cryptoflow.collect.catalog_listings import coingecko_listings, coinmarketcap_listings
from cryptoflow.sources.coingecko import CoinListing, MarketRow
from cryptoflow.sources.coinmarketcap import CoinIdentity, CoinInfo, Platform


def market_row(**changes: Any) -> MarketRow:
    given: dict[str, Any] = {
        "coingecko_id": "alpha", "symbol": "alp", "name": "Alpha", "price_usd": None, "market_cap_usd": None,
        "volume_24h_usd": None, "circulating_supply": None, "observed_at": None,
    }  # fmt: skip
    return MarketRow(**given | changes)


def coin(**platforms: str | None) -> dict[str, CoinListing]:
    return {"alpha": CoinListing(coingecko_id="alpha", symbol="alp", name="Alpha", platforms=platforms)}


def identity(**changes: Any) -> CoinIdentity:
    given: dict[str, Any] = {"cmc_id": 7, "name": "Alpha", "symbol": "ALP", "slug": "alpha-coin", "rank": 3}
    return CoinIdentity(**given | changes)


def info(**changes: Any) -> dict[int, CoinInfo]:
    given: dict[str, Any] = {"cmc_id": 7, "name": "Alpha", "symbol": "ALP", "slug": "alpha-coin"}
    return {7: CoinInfo(**given | changes)}


def test_a_coin_of_coingecko() -> None:
    (listing,) = coingecko_listings([market_row(market_cap_rank=2, image_url="logo")], coin())
    assert (listing.key, listing.slug, listing.symbol, listing.name) == ("alpha", "alpha", "alp", "Alpha")
    assert listing.contract_addresses == frozenset()
    assert listing.fields == {"kind": "coin", "market_cap_rank": 2, "logo_url": "logo"}


def test_a_token_of_coingecko_has_the_addresses_of_all_its_platforms() -> None:
    (listing,) = coingecko_listings([market_row()], coin(ethereum="0xAB", solana="SoL1", empty=None, blank=""))
    assert listing.contract_addresses == {"0xab", "SoL1"}
    assert listing.fields == {"kind": "token", "platform": "ethereum", "contract_address": "0xAB"}


def test_a_coin_that_the_full_list_does_not_know_has_no_kind() -> None:
    (listing,) = coingecko_listings([market_row()], {})
    assert listing.fields == {}


def test_a_coin_of_coinmarketcap_with_what_it_says_of_itself() -> None:
    urls = {
        "website": ("https://a.example/", "https://b.example/"), "twitter": ("https://twitter.com/alpha/",),
        "reddit": (), "source_code": ("https://github.com/alpha/node",), "technical_doc": ("",),
    }  # fmt: skip
    told = info(description="", logo_url="logo", urls=urls, date_added=datetime(2013, 4, 28, 1, 2, 3, tzinfo=UTC))
    (listing,) = coinmarketcap_listings([identity()], told)
    assert (listing.key, listing.slug, listing.symbol, listing.name) == ("7", "alpha-coin", "ALP", "Alpha")
    assert listing.fields == {
        "kind": "coin", "market_cap_rank": 3, "logo_url": "logo", "website_url": "https://a.example/",
        "twitter_handle": "alpha", "github_url": "https://github.com/alpha/node", "date_added": "2013-04-28T01:02:03Z",
    }  # fmt: skip


def test_a_token_of_coinmarketcap() -> None:
    platform = Platform(slug="ethereum", token_address="0xAB")
    (listing,) = coinmarketcap_listings([identity(platform=platform)], {})
    assert listing.contract_addresses == {"0xab"}
    assert listing.fields == {
        "kind": "token", "platform": "ethereum", "contract_address": "0xAB", "market_cap_rank": 3,
    }  # fmt: skip


@pytest.mark.parametrize("rank", [0, -1, 2**31, None])
def test_a_rank_that_is_none_says_nothing(rank: int | None) -> None:
    (one,) = coingecko_listings([market_row(market_cap_rank=rank)], {})
    (other,) = coinmarketcap_listings([identity(rank=rank)], {})
    assert "market_cap_rank" not in one.fields
    assert "market_cap_rank" not in other.fields


def test_what_no_table_can_hold_is_shown_by_its_picture() -> None:
    odd = market_row(coingecko_id="a\0", symbol="b\0", name="c\0", image_url="d\0")
    (listing,) = coingecko_listings([odd], {})
    said = (listing.key, listing.slug, listing.symbol, listing.name, listing.fields["logo_url"])
    assert said == ("a\u2400", "a\u2400", "b\u2400", "c\u2400", "d\u2400")
    (other,) = coinmarketcap_listings([identity(name="e\0")], info(description="f\0"))
    assert (other.name, other.fields["description"]) == ("e\u2400", "f\u2400")
