"""Contracts of the work in between: which coarse buckets must be built anew, and what became of every expected slot."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from cryptoflow.cadence import Grain
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

dirty_buckets: Final = table(
    "dirty_buckets",
    Contract(
        description="Coarse buckets whose finer rows changed and which were not built anew since.",
        one_row_per="grain, bucket and asset to build anew",
        clock="marked_at",
        cadence=None,
        retention=FOR_EVER,
        owner="platform",
    ),
    column("grain", sa.Text(), "Grain of the bucket.", one_of=[grain.value for grain in Grain], primary_key=True),
    column("bucket", sa.DateTime(timezone=True), "Start of the bucket.", primary_key=True),
    column("asset_id", sa.Integer(), "The asset, as in market.assets.", primary_key=True),
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
    column("reason", sa.Text(), "Why, in words; NULL when it was observed.", nullable=True),
    column("assets_expected", sa.Integer(), "Assets that the answer should hold.", minimum=0),
    column("assets_observed", sa.Integer(), "Assets that were stored.", minimum=0),
    column("assets_refused", sa.Integer(), "Rows that went to quarantine.", minimum=0),
    column("collection_id", sa.BigInteger(), "Collection that closed it, as in ops.collection_status.", nullable=True),
    column("closed_at", sa.DateTime(timezone=True), "When its state was last said.", server_default=sa.func.now()),
    column("ranks_asked", pg.INT4MULTIRANGE(), "Ranks that were asked; NULL: not asked by rank.", nullable=True),
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
    column("asset_id", sa.Integer(), "The asset, as in market.assets.", primary_key=True),
    column("state", sa.Text(), "What became of the asset in the slot.", one_of=SLOT_STATES),
    column("reason", sa.Text(), "Why, in words.", nullable=True),
    schema="ops",
)
