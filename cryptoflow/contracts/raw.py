"""Contracts of the schema `raw`: what the world answered, before any meaning is given to it."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from cryptoflow.contracts.contract import Contract, Retention, column, table

payloads: Final = table(
    "payloads",
    Contract(
        description="Each different raw answer once, compressed, named by the hash of its bytes.",
        one_row_per="different body",
        clock="last_fetched_at",
        cadence=None,
        retention=Retention(
            days=7,
            setting="payload_retention_days",
            stays_while="it waits in quarantine",
            stays_where="EXISTS (SELECT 1 FROM ops.quarantine_batches AS waiting"
            " WHERE waiting.payload_sha256 = payloads.payload_sha256 AND waiting.state = 'waiting')",
        ),
        owner="platform",
    ),
    column("payload_sha256", sa.LargeBinary(), "SHA-256 of the uncompressed body.", primary_key=True),
    column("body", sa.LargeBinary(), "The body, compressed with zlib."),
    column("body_bytes", sa.BigInteger(), "Size of the uncompressed body.", unit="bytes", minimum=0),
    column("media_type", sa.Text(), "Content-Type of the answer.", nullable=True),
    column("first_fetched_at", sa.DateTime(timezone=True), "When this body was first received."),
    column("last_fetched_at", sa.DateTime(timezone=True), "When this body was last received."),
    sa.CheckConstraint("octet_length(payload_sha256) = 32", name="hash_length"),
    sa.Index(None, "last_fetched_at"),
    schema="raw",
)

fetches: Final = table(
    "fetches",
    Contract(
        description="One line per call to a provider: what was asked, how it ended, and the hash of what came back.",
        one_row_per="call (each attempt of a request)",
        clock="started_at",
        cadence=None,
        retention=Retention(days=7, setting="payload_retention_days"),
        owner="platform",
    ),
    column("fetch_id", sa.BigInteger(), "Surrogate key.", sa.Identity(always=True), primary_key=True),
    column("provider", sa.Text(), "Who was asked."),
    column("endpoint", sa.Text(), "What was asked, without parameters."),
    column("params", pg.JSONB(), "Parameters of the request, secrets removed."),
    column("started_at", sa.DateTime(timezone=True), "When the request was sent."),
    column("elapsed_ms", sa.Integer(), "Time until the answer was whole, or failed.", unit="ms", minimum=0),
    column("attempt", sa.Integer(), "1 for the first try of a request.", minimum=1),
    column("outcome", sa.Text(), "How it ended.", one_of=("ok", "failed", "limited")),
    column("status", sa.Integer(), "HTTP status, when there was one.", nullable=True),
    column("credits", sa.Integer(), "What the call cost in the provider's own units.", unit="credits", minimum=0),
    column("error", sa.Text(), "What went wrong, secrets removed.", nullable=True),
    column("payload_sha256", sa.LargeBinary(), "Hash of the body, kept in raw.payloads while retained.", nullable=True),
    column("run_id", sa.Text(), "Dagster run that asked, when one did.", nullable=True),
    column(
        "received_at", sa.DateTime(timezone=True), "When the answer was received, when there was one.", nullable=True
    ),
    sa.Index(None, "started_at"),
    sa.Index(None, "payload_sha256"),
    schema="raw",
)
