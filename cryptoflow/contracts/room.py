"""Contract of room: how much was free where the data are, and how much the databases took, over time."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from cryptoflow.contracts.contract import Contract, Retention, column, table

room_samples: Final = table(
    "room_samples",
    Contract(
        description="How much room there was in the home, and what the databases took, each time it was measured.",
        one_row_per="home and time at which it was measured",
        clock="measured_at",
        cadence=None,
        retention=Retention(days=90),
        owner="platform",
    ),
    column("home", sa.Text(), "The folder, as host:path.", primary_key=True),
    column("measured_at", sa.DateTime(timezone=True), "When it was measured.", primary_key=True),
    column("free_bytes", sa.BigInteger(), "Free on the file system of the home.", unit="bytes", minimum=0),
    column("warehouse_bytes", sa.BigInteger(), "Size of the warehouse's database.", unit="bytes", minimum=0),
    column("dagster_bytes", sa.BigInteger(), "Size of Dagster's own database.", unit="bytes", minimum=0),
    schema="ops",
)
