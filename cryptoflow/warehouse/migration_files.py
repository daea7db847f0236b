"""Runs the SQL file of a migration inside Alembic's transaction.

The files are `sql/migrations/statements/<revision>.<up|down>.sql`; the Python of a migration only says its place.
"""

from __future__ import annotations

from typing import Literal

from alembic import op

from cryptoflow.resources import resource_path


def apply(revision: str, direction: Literal["up", "down"]) -> None:
    """Run the file as one batch. Percent signs are literal: the statements take no parameters."""
    text = resource_path(f"sql/migrations/statements/{revision}.{direction}.sql").read_text()
    op.get_bind().exec_driver_sql(text.replace("%", "%%"))
