"""Contracts of the control of collecting: what keys allow, the plans in force, what the next answer is held against."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from cryptoflow.contracts.columns import asset_key
from cryptoflow.contracts.contract import FOR_EVER, Contract, Retention, column, table

PLAN_CAUSES: Final = ("first plan", "refused", "quota spent", "asked again", "allowance", "use")
SILENCES: Final = ("quota_spent", "told_to_wait", "paused", "no_rate")

provider_allowances: Final = table(
    "provider_allowances",
    Contract(
        description="What each provider itself said of the key in use: allowance, use and reset.",
        one_row_per="provider that tells",
        clock="attempted_at",
        cadence=None,
        retention=FOR_EVER,
        owner="platform",
    ),
    column("provider", sa.Text(), "Who was asked.", primary_key=True),
    column("account", sa.Text(), "Whose account: a mark of address, plan and key that holds no secret."),
    column(
        "calls_per_minute", sa.BigInteger(), "Calls that a minute may hold.", unit="calls", minimum=0, nullable=True
    ),
    column("units_per_period", sa.BigInteger(), "Calls or credits of a month.", minimum=0, nullable=True),
    column(
        "units_per_day", sa.BigInteger(), "Calls or credits of a day; NULL: no daily limit.", minimum=0, nullable=True
    ),
    column("used_units", sa.BigInteger(), "Used of the month when it was asked.", minimum=0, nullable=True),
    column("resets_at", sa.DateTime(timezone=True), "When the month of the key ends.", nullable=True),
    column("told_at", sa.DateTime(timezone=True), "When the provider last answered; NULL: never.", nullable=True),
    column("payload_sha256", sa.LargeBinary(), "Hash of that answer.", nullable=True),
    column("attempted_at", sa.DateTime(timezone=True), "When it was last asked."),
    column("error", sa.Text(), "Why it was not told then; NULL: it was.", nullable=True),
    schema="ops",
)

quota_plans: Final = table(
    "quota_plans",
    Contract(
        description="Every change of the collection plan: how often each tier is asked, since when, and why.",
        one_row_per="change of a provider's plan",
        clock="planned_at",
        cadence=None,
        retention=Retention(days=90),
        owner="platform",
    ),
    column("plan_id", sa.BigInteger(), "Surrogate key.", sa.Identity(always=True), primary_key=True),
    column("provider", sa.Text(), "Whom the plan asks."),
    column("planned_at", sa.DateTime(timezone=True), "Since when it is in force."),
    column("cause", sa.Text(), "What made it another plan.", one_of=PLAN_CAUSES),
    column("tiers", pg.JSONB(), "Tiers with their minutes between two refreshes; null: not asked."),
    column("silence", sa.Text(), "Why nothing is asked; NULL: it is asked.", one_of=SILENCES, nullable=True),
    column("silent_until", sa.DateTime(timezone=True), "Until when nothing is asked.", nullable=True),
    column("rate_factor", sa.Numeric(), "What refusals left of the rate.", unit="ratio", minimum=0, maximum=1),
    column("units_per_period", sa.BigInteger(), "The allowance; NULL: only the rate limits.", minimum=0, nullable=True),
    column("used_units", sa.BigInteger(), "What was used of it.", minimum=0),
    column("reasons", pg.JSONB(), "The plan in sentences."),
    column("changes", pg.JSONB(), "Who became slower or faster by it, in sentences."),
    sa.Index(None, "provider", "planned_at"),
    schema="ops",
)

last_samples: Final = table(
    "last_samples",
    Contract(
        description="The newest stored sample of each provider and asset: what the next answer is held against.",
        one_row_per="provider and asset",
        clock="observed_at",
        cadence=None,
        retention=FOR_EVER,
        owner="platform",
    ),
    column("provider", sa.Text(), "Who said so.", primary_key=True),
    asset_key(),
    column("observed_at", sa.DateTime(timezone=True), "The provider's own time of the figures."),
    column("fetched_at", sa.DateTime(timezone=True), "When the answer was received."),
    column("price_usd", sa.Numeric(), "Price of one coin.", unit="usd", above=0),
    column("volume_24h_usd", sa.Numeric(), "Volume of the trailing 24 hours.", unit="usd", minimum=0, nullable=True),
    column(
        "market_cap_rank",
        sa.Integer(),
        "Where the provider ranked it; NULL: it was not where it was, and was not seen since.",
        unit="rank",
        minimum=1,
        nullable=True,
    ),
    column("payload_sha256", sa.LargeBinary(), "Hash of the answer that held it."),
    column("market_cap_usd", sa.Numeric(), "Price times supply.", unit="usd", minimum=0, nullable=True),
    column("missing", pg.ARRAY(sa.Text()), "Figures that it lacked; NULL: not known.", nullable=True),
    column(
        "unchanged_times",
        sa.SmallInteger(),
        "How often price and volume came again as they were, though their time had moved on.",
        minimum=0,
        server_default="0",
    ),
    schema="ops",
)
