"""Contracts of the schema `ops`: how the platform itself is doing."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from cryptoflow.cadence import Grain
from cryptoflow.contracts.contract import FOR_EVER, Contract, Retention, column, table

COLLECTION_TYPES: Final = ("complete", "continuous", "priority_refresh", "manual")
QUARANTINE_STATES: Final = ("waiting", "released", "discarded")
COLLECTION_STATES: Final = ("running", "completed", "failed", "cancelled")


def _decided() -> list[sa.Column[Any]]:
    """What became of something in quarantine; new columns at each call."""
    return [
        column(
            "state",
            sa.Text(),
            "waiting: somebody has to decide; released: stored after all; discarded: it never will be.",
            one_of=QUARANTINE_STATES,
            server_default="waiting",
        ),
        column("decided_at", sa.DateTime(timezone=True), "When that was decided.", nullable=True),
        column("decided_by", sa.Text(), "Who decided it, as user@host.", nullable=True),
        column("decision_reason", sa.Text(), "Why, in the words of who decided.", nullable=True),
    ]


schema_migrations: Final = table(
    "schema_migrations",
    Contract(
        description="The migrations in force, with the time at which each was applied.",
        one_row_per="migration in force",
        clock="applied_at",
        cadence=None,
        retention=FOR_EVER,
        owner="platform",
    ),
    column("version", sa.Text(), "Revision of the migration.", primary_key=True),
    column("name", sa.Text(), "What the migration brings."),
    column("applied_at", sa.DateTime(timezone=True), "When it was applied.", server_default=sa.func.now()),
    schema="ops",
)

collection_status: Final = table(
    "collection_status",
    Contract(
        description="Every collection: what was asked of whom, how much came, how it ended.",
        one_row_per="collection",
        clock="start_time",
        cadence=None,
        retention=Retention(days=90),
        owner="platform",
    ),
    column("id", sa.BigInteger(), "Surrogate key.", sa.Identity(always=True), primary_key=True),
    column("collection_type", sa.Text(), "Why it ran.", one_of=COLLECTION_TYPES),
    column("dataset", sa.Text(), "Table that the collection feeds."),
    column("provider", sa.Text(), "Who was asked."),
    column("start_time", sa.DateTime(timezone=True), "When it began."),
    column("end_time", sa.DateTime(timezone=True), "When it ended; NULL while it runs.", nullable=True),
    column("coins_processed", sa.Integer(), "Assets that were stored.", minimum=0, server_default="0"),
    column("coins_failed", sa.Integer(), "Assets that were refused or missing.", minimum=0, server_default="0"),
    column("api_calls_made", sa.Integer(), "Calls that it made, retries included.", minimum=0, server_default="0"),
    column("status", sa.Text(), "How it stands.", one_of=COLLECTION_STATES, server_default="running"),
    column("error_message", sa.Text(), "What went wrong and what to do.", nullable=True),
    column("batch_details", pg.JSONB(), "Pages, duplicates, what was missing.", nullable=True),
    column("run_id", sa.Text(), "Dagster run, when one did it.", nullable=True),
    column("created_at", sa.DateTime(timezone=True), "When the row was written.", server_default=sa.func.now()),
    sa.Index(None, "start_time"),
    sa.Index(None, "collection_type", "status"),
    schema="ops",
)

api_usage_stats: Final = table(
    "api_usage_stats",
    Contract(
        description="Calls to each provider by UTC day: the truth about quotas.",
        one_row_per="provider and day",
        clock="updated_at",
        cadence=Grain.DAY,
        retention=FOR_EVER,
        owner="platform",
    ),
    column("id", sa.Integer(), "Surrogate key.", sa.Identity(always=True), primary_key=True),
    column("provider", sa.Text(), "Who was asked."),
    column("date", sa.Date(), "UTC day."),
    column("total_calls", sa.Integer(), "Calls, retries included.", minimum=0, server_default="0"),
    column("successful_calls", sa.Integer(), "Calls with a usable answer.", minimum=0, server_default="0"),
    column("failed_calls", sa.Integer(), "Calls that failed otherwise than by a limit.", minimum=0, server_default="0"),
    column("rate_limited_calls", sa.Integer(), "Calls refused by a rate or a quota.", minimum=0, server_default="0"),
    column(
        "credits_used",
        sa.BigInteger(),
        "Cost, in the provider's units.",
        unit="credits",
        minimum=0,
        server_default="0",
    ),
    column("total_response_ms", sa.BigInteger(), "Sum of response times.", unit="ms", minimum=0, server_default="0"),
    column(
        "average_response_time",
        sa.Integer(),
        "Mean response time.",
        sa.Computed("(total_response_ms / nullif(total_calls, 0))::integer", persisted=True),
        unit="ms",
        nullable=True,
    ),
    column("peak_calls_per_minute", sa.Integer(), "Most calls within one minute.", minimum=0, server_default="0"),
    column("created_at", sa.DateTime(timezone=True), "When the row was written.", server_default=sa.func.now()),
    column("updated_at", sa.DateTime(timezone=True), "When the row last changed.", server_default=sa.func.now()),
    sa.UniqueConstraint("provider", "date"),
    schema="ops",
)

quarantine: Final = table(
    "quarantine",
    Contract(
        description="Rows that were refused, whole, with the rule that they broke. Nothing refused is lost.",
        one_row_per="refused row",
        clock="recorded_at",
        cadence=None,
        retention=Retention(days=90),
        owner="platform",
    ),
    column("quarantine_id", sa.BigInteger(), "Surrogate key.", sa.Identity(always=True), primary_key=True),
    column("dataset", sa.Text(), "Table that the row was meant for."),
    column("provider", sa.Text(), "Who sent it."),
    column("rule", sa.Text(), "Name of the rule that it broke."),
    column("reason", sa.Text(), "What is wrong with it, in words."),
    column("row_text", sa.Text(), "The row as it came."),
    column("row_sha256", sa.LargeBinary(), "Hash of `row_text`: the same row is kept once per dataset and rule."),
    column("payload_sha256", sa.LargeBinary(), "Hash of the answer that held it.", nullable=True),
    column("run_id", sa.Text(), "Dagster run that refused it, when one did.", nullable=True),
    column("times_seen", sa.Integer(), "How often it came.", minimum=1, server_default="1"),
    column("recorded_at", sa.DateTime(timezone=True), "When it was first refused.", server_default=sa.func.now()),
    column("last_seen_at", sa.DateTime(timezone=True), "When it was last refused.", server_default=sa.func.now()),
    *_decided(),
    sa.UniqueConstraint("dataset", "provider", "rule", "row_sha256"),
    sa.Index(None, "recorded_at"),
    schema="ops",
)

quarantine_batches: Final = table(
    "quarantine_batches",
    Contract(
        description="Whole answers that were refused: they changed their nature. Their bytes are in raw.payloads.",
        one_row_per="refused answer",
        clock="recorded_at",
        cadence=None,
        retention=Retention(days=400, stays_while="it waits", stays_where="quarantine_batches.state = 'waiting'"),
        owner="platform",
    ),
    column("batch_id", sa.BigInteger(), "Surrogate key.", sa.Identity(always=True), primary_key=True),
    column("dataset", sa.Text(), "Table that the answer was meant for."),
    column("provider", sa.Text(), "Who sent it."),
    column("rule", sa.Text(), "What it has become, by name."),
    column("reason", sa.Text(), "What changed, from what to what, in words."),
    column("payload_sha256", sa.LargeBinary(), "Hash of the answer; its bytes stay as long as it waits."),
    column("row_count", sa.Integer(), "Rows of the answer that could be read.", unit="rows", minimum=0),
    column("slot", sa.DateTime(timezone=True), "The minute that the collection was due for."),
    column("fetched_at", sa.DateTime(timezone=True), "When the answer was received."),
    column("run_id", sa.Text(), "Dagster run that refused it, when one did.", nullable=True),
    column("times_seen", sa.Integer(), "How often it came.", minimum=1, server_default="1"),
    column("recorded_at", sa.DateTime(timezone=True), "When it was first refused.", server_default=sa.func.now()),
    column("last_seen_at", sa.DateTime(timezone=True), "When it was last refused.", server_default=sa.func.now()),
    *_decided(),
    sa.UniqueConstraint("payload_sha256", "dataset", "provider"),
    sa.Index(None, "recorded_at"),
    sa.Index(None, "state"),
    schema="ops",
)
