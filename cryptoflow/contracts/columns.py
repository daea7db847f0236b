"""Columns that mean the same in several tables; each call makes a new one, because a column belongs to one table.

What does not belong here: what a column is in general (contract), columns of one subject.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from cryptoflow.contracts.contract import column


def asset_key() -> sa.Column[Any]:
    """Whose row it is."""
    return column("asset_id", sa.Integer(), "The asset, as in market.assets.", primary_key=True)


def recorded_at() -> sa.Column[Any]:
    """Since when it is known: the database sets it."""
    return column(
        "recorded_at", sa.DateTime(timezone=True), "When this version became visible.", server_default=sa.func.now()
    )
