"""Contracts of what is kept and how long: the policy of every table, and the days that went into archives."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from cryptoflow.contracts.contract import FOR_EVER, Contract, column, table

DROP_UNITS: Final = ("row", "hour", "day", "month", "year")

retention_policies: Final = table(
    "retention_policies",
    Contract(
        description="How long each table keeps its rows, as its contract says; written anew with every migration.",
        one_row_per="table",
        clock="written_at",
        cadence=None,
        retention=FOR_EVER,
        owner="platform",
    ),
    column("table_name", sa.Text(), "The table, with its schema.", primary_key=True),
    column("clock", sa.Text(), "The column that says how old a row is.", nullable=True),
    column("days_kept", sa.Integer(), "Days after the clock; NULL: for ever.", unit="days", minimum=1, nullable=True),
    column("setting", sa.Text(), "The setting that overrides the days, where there is one.", nullable=True),
    column("is_archived", sa.Boolean(), "Whether rows are archived as Parquet before they are let go."),
    column("drop_unit", sa.Text(), "What goes at once; NULL: nothing goes.", one_of=DROP_UNITS, nullable=True),
    column("written_at", sa.DateTime(timezone=True), "When the row was written.", server_default=sa.func.now()),
    schema="ops",
)

archives: Final = table(
    "archives",
    Contract(
        description="Days that were written to Parquet and let go. A day of which rows came later has further parts.",
        one_row_per="table, day and part",
        clock="archived_at",
        cadence=None,
        retention=FOR_EVER,
        owner="platform",
    ),
    column("table_name", sa.Text(), "The table, with its schema.", primary_key=True),
    column("day", sa.Date(), "UTC day of the rows.", primary_key=True),
    column(
        "part", sa.SmallInteger(), "1 for the day as it was; more for what came after.", minimum=1, primary_key=True
    ),
    column("path", sa.Text(), "The file, below the folder of archives."),
    column("row_count", sa.BigInteger(), "Rows in the file.", minimum=1),
    column("file_bytes", sa.BigInteger(), "Size of the file.", unit="bytes", minimum=1),
    column("sha256", sa.LargeBinary(), "SHA-256 of the file."),
    column("newest_recorded_at", sa.DateTime(timezone=True), "The latest `recorded_at` in it: nothing in it is newer."),
    column("archived_at", sa.DateTime(timezone=True), "When it was written.", server_default=sa.func.now()),
    sa.UniqueConstraint("path"),
    schema="ops",
)
