"""The catalog: from CoinGecko's listings to committed assets and aliases, into an empty warehouse and a minute later.

Ours reads what is known, plans identity under its lock, and writes the plan. The peer is given the finished rows and
only upserts them, as one does with SQLAlchemy; planning is no part of its time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from bench.contest import Bench, Beside, Contest, Goal, Row, Side, at_most, faster
from bench.room import Room
from bench.simulated import STARTS_AT, SimulatedCoinGecko
from cryptoflow.collect.catalog_listings import coingecko_listings
from cryptoflow.contracts.market import asset_aliases, assets
from cryptoflow.refine.identity import IdentityPlan, Listing, ProviderListing, plan_identity
from cryptoflow.sources.coingecko import MOST_PER_PAGE, CoinListing, MarketRow
from cryptoflow.sources.decode import decode_rows
from cryptoflow.warehouse.assets import carry_out, known_aliases, known_assets, lock_identity
from cryptoflow.warehouse.pool import transaction

_SELECT_ASSETS: Final = """
    SELECT slug, symbol, name, kind, platform, contract_address, market_cap_rank, description, logo_url, website_url,
        twitter_handle, reddit_url, github_url, whitepaper_url, date_added, is_active, provenance, first_seen_at,
        last_seen_at
    FROM market.assets ORDER BY slug
"""
_SELECT_ALIASES: Final = """
    SELECT assets.slug, aliases.provider, aliases.kind, aliases.alias, aliases.valid_from, aliases.valid_to,
        aliases.evidence
    FROM market.asset_aliases AS aliases INNER JOIN market.assets AS assets USING (asset_id)
    ORDER BY assets.slug, aliases.provider, aliases.kind, aliases.valid_from
"""


@contextmanager
def _open_first(room: Room, items: int) -> Iterator[Contest]:
    listing = _listing(items, observed_at=STARTS_AT)
    with _sides(room, first=None, listing=listing, goal=at_most(1.3)) as contest:
        yield contest


@contextmanager
def _open_again(room: Room, items: int) -> Iterator[Contest]:
    first = _listing(items, observed_at=STARTS_AT)
    again = replace(first, observed_at=STARTS_AT + timedelta(minutes=1))
    with _sides(room, first=first, listing=again, goal=faster(1.0)) as contest:
        yield contest


def _listing(items: int, *, observed_at: datetime) -> ProviderListing:
    """The first `items` listings, each key once."""
    simulated = SimulatedCoinGecko.with_assets(items)
    coins = {coin.coingecko_id: coin for coin in decode_rows(simulated.coins(), CoinListing).good}
    listings: dict[str, Listing] = {}
    for page in simulated.full_pages(min(items, MOST_PER_PAGE)):
        rows = decode_rows(page, MarketRow).good
        listings |= {listing.key: listing for listing in coingecko_listings(rows, coins)}
        if len(listings) >= items:
            break
    return ProviderListing(
        provider="coingecko",
        observed_at=observed_at,
        listings=tuple(listings.values())[:items],
        listed_keys=frozenset(coins),
    )


@contextmanager
def _sides(room: Room, *, first: ProviderListing | None, listing: ProviderListing, goal: Goal) -> Iterator[Contest]:
    with room.warehouse() as url, psycopg.connect(url, autocommit=True) as connection:
        engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
        before = partial(_start_from, first, url, connection)
        peer_rows = _PeerRows(first, listing)

        def rows(_: None) -> list[Row]:
            return [*connection.execute(_SELECT_ASSETS), *connection.execute(_SELECT_ALIASES)]

        try:
            yield Contest(
                ours=Side(work=partial(_learn, url, listing), rows=rows, before=before),
                beside=(
                    Beside(
                        side=Side(
                            name="SQLAlchemy executemany",
                            work=partial(peer_rows.upsert, engine),
                            rows=rows,
                            before=before,
                        ),
                        goal=goal,
                    ),
                ),
            )
        finally:
            engine.dispose()


def _learn(url: str, listing: ProviderListing) -> None:
    with transaction(url) as connection:
        lock_identity(connection)
        plan = plan_identity(assets=known_assets(connection), aliases=known_aliases(connection), answers=[listing])
        carry_out(connection, plan)


def _start_from(first: ProviderListing | None, url: str, connection: psycopg.Connection[Row]) -> None:
    """An empty catalog; or one that learnt `first` long enough ago for the server to have looked at it."""
    connection.execute("TRUNCATE market.assets, market.asset_aliases RESTART IDENTITY CASCADE")
    if first:
        _learn(url, first)
        connection.execute("VACUUM ANALYZE market.assets, market.asset_aliases")


class _PeerRows:
    """The rows that the warehouse shall hold, and how the peer brings them there."""

    def __init__(self, first: ProviderListing | None, listing: ProviderListing) -> None:
        begun = plan_identity(assets=(), aliases=(), answers=[first or listing])
        plan = plan_identity(assets=begun.created, aliases=begun.opened, answers=[listing])
        self._assets = _asset_rows(plan if first else begun)
        self._aliases = [
            {
                "slug": alias.slug,
                "provider": alias.provider,
                "kind": alias.kind,
                "alias": alias.alias,
                "valid_from": listing.observed_at,
                "evidence": alias.evidence,
            }
            for alias in begun.opened
        ]

    def upsert(self, engine: sa.Engine) -> None:
        """Everything in one transaction; what is there already is brought to the same values, or left."""
        fresh = insert(assets)
        keep = {name: fresh.excluded[name] for name in self._assets[0] if name not in {"slug", "first_seen_at"}}
        with engine.begin() as connection:
            connection.execute(fresh.on_conflict_do_update(index_elements=["slug"], set_=keep), self._assets)
            ids = dict(connection.execute(sa.select(assets.c.slug, assets.c.asset_id)).all())
            connection.execute(
                insert(asset_aliases).on_conflict_do_nothing(),
                [_with_id(alias, ids) for alias in self._aliases],
            )


def _asset_rows(plan: IdentityPlan) -> list[dict[str, Any]]:
    return [
        {
            **asset.values,
            "slug": asset.slug,
            "provenance": dict(asset.provenance),
            "is_active": asset.is_active,
            "first_seen_at": asset.first_seen_at,
            "last_seen_at": asset.last_seen_at,
        }
        for asset in (*plan.created, *plan.updated)
    ]


def _with_id(alias: dict[str, Any], ids: dict[str, int]) -> dict[str, Any]:
    return {"asset_id": ids[alias["slug"]], **{name: value for name, value in alias.items() if name != "slug"}}


BENCHES: Final = (
    Bench(name="catalog-first", about="listings into an empty catalog", items=5_000, open=_open_first),
    Bench(name="catalog-again", about="known listings seen again", items=5_000, open=_open_again),
)
