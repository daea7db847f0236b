"""Contract of what proving found: each expectation each time it was looked at."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from cryptoflow.contracts.contract import Contract, Retention, column, table

SEVERITIES: Final = ("error", "warning")

quality_results: Final = table(
    "quality_results",
    Contract(
        description="Every expectation each time it was looked at: whether it held, by how many rows, with a sample.",
        one_row_per="dataset, expectation and instant at which it was looked at",
        clock="evaluated_at",
        cadence=None,
        retention=Retention(days=90),
        owner="platform",
    ),
    column("evaluated_at", sa.DateTime(timezone=True), "When its suite was begun.", primary_key=True),
    column("dataset", sa.Text(), "Table that was looked at.", primary_key=True),
    column("expectation", sa.Text(), "Name of the rule in its suite.", primary_key=True),
    column("suite", sa.Text(), "Asset check that the rule is part of."),
    column("what", sa.Text(), "What must hold, in words."),
    column("severity", sa.Text(), "error: the rows are wrong; warning: somebody should look.", one_of=SEVERITIES),
    column("success", sa.Boolean(), "Whether it held; false as well when it could not be looked at."),
    column("evaluated", sa.BigInteger(), "Rows that were looked at.", unit="rows", minimum=0, nullable=True),
    column(
        "unexpected",
        sa.BigInteger(),
        "Rows against it; for a coverage, rows without the field; NULL when it could not be looked at.",
        unit="rows",
        minimum=0,
        nullable=True,
    ),
    column("sample", pg.JSONB(), "Some of the rows against it, numbers as exact text.", nullable=True),
    column(
        "window_starts", sa.DateTime(timezone=True), "First instant looked at; NULL: the whole table.", nullable=True
    ),
    column("window_ends", sa.DateTime(timezone=True), "First instant no longer looked at.", nullable=True),
    column("error", sa.Text(), "Why it could not be looked at; NULL when it was.", nullable=True),
    column("run_id", sa.Text(), "Dagster run that looked, when one did.", nullable=True),
    sa.Index(None, "dataset", "evaluated_at"),
    schema="ops",
)
