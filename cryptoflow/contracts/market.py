"""Contracts of the schema `market`: who an asset is. Prices and closes of assets are contracted beside it, by grain."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from cryptoflow.cadence import Grain
from cryptoflow.contracts.contract import FOR_EVER, Contract, column, table

ALIAS_KINDS: Final = ("key", "symbol", "name")
EVIDENCE: Final = ("provider_listing", "contract_address", "symbol_and_name", "manual")

assets: Final = table(
    "assets",
    Contract(
        description="Every asset that any provider was seen to list, with the identity in force now.",
        one_row_per="asset",
        clock="last_seen_at",
        cadence=Grain.DAY,
        retention=FOR_EVER,
        owner="market-data",
    ),
    column("asset_id", sa.Integer(), "Surrogate key; never reused.", sa.Identity(always=True), primary_key=True),
    column("slug", sa.Text(), "Readable key of this warehouse, fixed when the asset is first seen."),
    column("symbol", sa.Text(), "Ticker symbol in force, upper case. Several assets may share one."),
    column("name", sa.Text(), "Name in force."),
    column(
        "kind", sa.Text(), "coin: its own network; token: lives on a platform.", one_of=("coin", "token"), nullable=True
    ),
    column("platform", sa.Text(), "Platform that a token lives on, by CoinGecko's name for it.", nullable=True),
    column("contract_address", sa.Text(), "Address of the token's contract on `platform`.", nullable=True),
    column("market_cap_rank", sa.Integer(), "Latest known rank by market cap.", unit="rank", minimum=1, nullable=True),
    column("description", sa.Text(), "What the asset is, in its provider's words.", nullable=True),
    column("logo_url", sa.Text(), "Address of the logo.", nullable=True),
    column("website_url", sa.Text(), "Address of the project's site.", nullable=True),
    column("twitter_handle", sa.Text(), "Name of the project on X, without @.", nullable=True),
    column("reddit_url", sa.Text(), "Address of the project's subreddit.", nullable=True),
    column("github_url", sa.Text(), "Address of the project's main repository or organisation.", nullable=True),
    column("whitepaper_url", sa.Text(), "Address of the technical document.", nullable=True),
    column("date_added", sa.DateTime(timezone=True), "When CoinMarketCap first listed it.", nullable=True),
    column("is_active", sa.Boolean(), "True while at least one provider lists it."),
    column("provenance", pg.JSONB(), "Provider of each descriptive field: {field: provider}."),
    column("first_seen_at", sa.DateTime(timezone=True), "When a provider's answer first held it."),
    column("last_seen_at", sa.DateTime(timezone=True), "When a provider's answer last held it."),
    column("created_at", sa.DateTime(timezone=True), "When the row was written.", server_default=sa.func.now()),
    column("updated_at", sa.DateTime(timezone=True), "When the row last changed.", server_default=sa.func.now()),
    sa.UniqueConstraint("slug"),
    sa.Index(None, "symbol"),
    schema="market",
)

asset_aliases: Final = table(
    "asset_aliases",
    Contract(
        description="What each provider calls an asset, and from when to when: keys, symbols, names.",
        one_row_per="provider, kind, alias and period of validity",
        clock="valid_from",
        cadence=Grain.DAY,
        retention=FOR_EVER,
        owner="market-data",
    ),
    column("alias_id", sa.Integer(), "Surrogate key.", sa.Identity(always=True), primary_key=True),
    column("asset_id", sa.Integer(), "The asset that is meant.", sa.ForeignKey("market.assets.asset_id")),
    column("provider", sa.Text(), "Who uses the alias."),
    column("kind", sa.Text(), "key: the provider's own stable id; symbol and name may change.", one_of=ALIAS_KINDS),
    column("alias", sa.Text(), "The alias, as the provider writes it."),
    column("valid_from", sa.DateTime(timezone=True), "First instant at which it was seen in force."),
    column(
        "valid_to",
        sa.DateTime(timezone=True),
        "First instant at which it was gone; NULL: in force.",
        nullable=True,
    ),
    column(
        "validity",
        pg.TSTZRANGE(),
        "The period [valid_from, valid_to).",
        sa.Computed("tstzrange(valid_from, valid_to, '[)')", persisted=True),
        nullable=True,
    ),
    column("evidence", sa.Text(), "Why the alias is held to mean this asset.", one_of=EVIDENCE),
    column("recorded_at", sa.DateTime(timezone=True), "When the row became visible.", server_default=sa.func.now()),
    sa.CheckConstraint("valid_to > valid_from", name="period"),
    # A provider's key means one asset at a time; a symbol or a name may mean many.
    pg.ExcludeConstraint(
        ("provider", "="),
        ("alias", "="),
        ("validity", "&&"),
        where=sa.text("kind = 'key'"),
        name="ex_asset_aliases_one_asset_per_key",
    ),
    # An asset has one key, one symbol and one name at a time with each provider.
    pg.ExcludeConstraint(
        ("asset_id", "="),
        ("provider", "="),
        ("kind", "="),
        ("validity", "&&"),
        name="ex_asset_aliases_one_alias_per_kind",
    ),
    sa.Index("ix_asset_aliases_alias", "alias", "kind"),
    schema="market",
)
