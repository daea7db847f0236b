"""Figures that prove the catalog right, read from the tables as they are.

What does not belong here: verdicts (defs), writing.
"""

from __future__ import annotations

from datetime import timedelta

from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.statements import statement


def orphaned_assets(database_url: str) -> list[str]:
    """Slugs of active assets that no provider has a key for."""
    with transaction(database_url) as connection:
        return [slug for (slug,) in connection.execute(statement("market/select_orphaned_assets"))]


def missing_keys(database_url: str) -> dict[str, int]:
    """For each provider, how many fewer keys are in force than its newest collection listed assets."""
    with transaction(database_url) as connection:
        return dict(connection.execute(statement("market/count_missing_keys")).fetchall())


def newest_sighting_age(database_url: str) -> timedelta | None:
    """How long ago an answer last held an asset; None when none ever did."""
    with transaction(database_url) as connection:
        row = connection.execute(statement("market/select_newest_sighting_age")).fetchone()
    return row[0] if row else None
