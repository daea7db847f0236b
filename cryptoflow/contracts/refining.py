"""Contracts of the work in between: coarse buckets to build anew, what became of every slot, what history was asked."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from cryptoflow.cadence import Grain
from cryptoflow.contracts.columns import asset_key
from cryptoflow.contracts.contract import FOR_EVER, Contract, Retention, column, table

SLOT_STATES: Final = (
    "observed",
    "confirmed_empty",
    "feed_down",
    "source_has_none",
    "throttled",
    "not_due",
    "pending",
)

# What a provider's answer to a request for history meant. All but "failed" are final: nothing is asked twice.
REQUEST_STATES: Final = ("answered", "source_has_none", "refused", "failed")

dirty_buckets: Final = table(
    "dirty_buckets",
    Contract(
        description="Coarse buckets and hours of velocity that follow from rows which changed, not built since.",
        one_row_per="grain, bucket and asset to build anew",
        clock="marked_at",
        cadence=None,
        retention=FOR_EVER,
        owner="platform",
    ),
    column(
        "grain",
        sa.Text(),
        "Grain of the bucket; velocity: an hour of velocity.",
        one_of=[*(grain.value for grain in Grain), "velocity"],
        primary_key=True,
    ),
    column("bucket", sa.DateTime(timezone=True), "Start of the bucket.", primary_key=True),
    asset_key(),
    column("marked_at", sa.DateTime(timezone=True), "When it was first marked.", server_default=sa.func.now()),
    schema="ops",
)

slots: Final = table(
    "slots",
    Contract(
        description="What became of every slot in which a provider was due to be asked for a dataset.",
        one_row_per="dataset, provider and slot",
        clock="slot",
        cadence=Grain.MINUTE,
        retention=Retention(days=400),
        owner="platform",
    ),
    column("dataset", sa.Text(), "Table that the slot feeds.", primary_key=True),
    column("provider", sa.Text(), "Who was due to be asked.", primary_key=True),
    column("slot", sa.DateTime(timezone=True), "The minute that the collection was due for.", primary_key=True),
    column("state", sa.Text(), "What became of it.", one_of=SLOT_STATES),
    column("reason", sa.Text(), "Why, in words; NULL when it was observed in its turn.", nullable=True),
    column("assets_expected", sa.Integer(), "Assets that the answer should hold.", minimum=0),
    column("assets_observed", sa.Integer(), "Assets that were stored.", minimum=0),
    column("assets_refused", sa.Integer(), "Rows that went to quarantine.", minimum=0),
    column("collection_id", sa.BigInteger(), "Collection that closed it, as in ops.collection_status.", nullable=True),
    column("closed_at", sa.DateTime(timezone=True), "When its state was last said.", server_default=sa.func.now()),
    column("ranks_asked", pg.INT4MULTIRANGE(), "Ranks that were asked; NULL: not asked by rank.", nullable=True),
    # What is missing is asked for of years, in which nearly all was observed.
    sa.Index("ix_slots_unobserved", "dataset", "slot", postgresql_where=sa.text("state <> 'observed'")),
    schema="ops",
)

slot_exceptions: Final = table(
    "slot_exceptions",
    Contract(
        description="Assets whose state in a slot differs from that of the slot as a whole.",
        one_row_per="dataset, provider, slot and asset that differs",
        clock="slot",
        cadence=Grain.MINUTE,
        retention=Retention(days=400),
        owner="platform",
    ),
    column("dataset", sa.Text(), "Table that the slot feeds.", primary_key=True),
    column("provider", sa.Text(), "Who was asked.", primary_key=True),
    column("slot", sa.DateTime(timezone=True), "The minute that the collection was due for.", primary_key=True),
    asset_key(),
    column("state", sa.Text(), "What became of the asset in the slot.", one_of=SLOT_STATES),
    column("reason", sa.Text(), "Why, in words.", nullable=True),
    schema="ops",
)

history_requests: Final = table(
    "history_requests",
    Contract(
        description="What was asked of the providers' charts, and what came of it: history is asked for once.",
        one_row_per="provider, asset and span that was asked for",
        clock="asked_at",
        cadence=None,
        retention=Retention(days=400),
        owner="market-data",
    ),
    column("provider", sa.Text(), "Who was asked.", primary_key=True),
    asset_key(),
    column("starts_at", sa.DateTime(timezone=True), "First instant of the span.", primary_key=True),
    column("ends_at", sa.DateTime(timezone=True), "First instant after the span.", primary_key=True),
    column(
        "first_days",
        sa.SmallInteger(),
        "Days of first history that it brought; NULL when it was asked for missed slots.",
        unit="days",
        minimum=1,
        nullable=True,
    ),
    column("state", sa.Text(), "What came of it; `failed` is asked again.", one_of=REQUEST_STATES),
    column("reason", sa.Text(), "Why nothing came, in words; NULL when something did.", nullable=True),
    column("points", sa.Integer(), "Points that the answer held.", minimum=0),
    column("attempts", sa.SmallInteger(), "How often it was asked.", minimum=1),
    column("asked_at", sa.DateTime(timezone=True), "When it was asked last."),
    column("run_id", sa.Text(), "Dagster run that asked last, when one did.", nullable=True),
    sa.Index(None, "asked_at"),
    schema="ops",
)
