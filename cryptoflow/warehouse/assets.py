"""Assets and their aliases: read what is known, carry out a plan. One identity is planned at a time, under a lock.

What does not belong here: deciding which listing means which asset (refine.identity).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cryptoflow.refine.identity import Alias, Asset, IdentityPlan
from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.statements import statement
from cryptoflow.warehouse.storable import storable_json

# The number is arbitrary; it only has to be the same in every process.
_LOCK_KEY: Final = 7_246_003


def lock_identity(connection: Connection) -> None:
    """Hold off every other identity planning until the transaction ends."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK_KEY,))


def known_assets(connection: Connection) -> list[Asset]:
    """Every asset, as planning wants it."""
    rows = connection.execute(statement("market/select_assets"))
    return [
        Asset(slug=slug, values=values, provenance=provenance, is_active=active, first_seen_at=first, last_seen_at=last)
        for slug, values, provenance, active, first, last in rows
    ]


def known_aliases(connection: Connection) -> list[Alias]:
    """Every alias in force, and every key ever used: a key that comes back means the asset that it meant."""
    names = ("slug", "provider", "kind", "alias", "valid_from", "valid_to", "evidence")
    return [
        Alias(**dict(zip(names, row, strict=True))) for row in connection.execute(statement("market/select_aliases"))
    ]


def ids_by_key(connection: Connection) -> dict[tuple[str, str], int]:
    """The asset of every provider's key, also of keys that are no longer in force."""
    rows = connection.execute(statement("market/select_keys"))
    return {(provider, key): asset_id for provider, key, asset_id in rows}


def carry_out(connection: Connection, plan: IdentityPlan) -> None:
    """Write the plan. Old aliases are ended before new ones begin, because their periods may not overlap."""
    steps: list[tuple[str, list[dict[str, object]]]] = [
        ("market/insert_assets", _asset_rows(plan.created)),
        ("market/update_assets", _asset_rows(plan.updated)),
        ("market/close_aliases", _alias_rows(plan.closed)),
        ("market/open_aliases", _alias_rows(plan.opened)),
    ]
    for name, rows in steps:
        if rows:
            connection.execute(statement(name), {"rows": storable_json(rows)})


def count_assets(connection: Connection) -> tuple[int, int]:
    """How many assets there are, and how many of them are active."""
    row = connection.execute(statement("market/count_assets")).fetchone()
    assert row is not None
    return row[0], row[1]


def _asset_rows(assets: Iterable[Asset]) -> list[dict[str, object]]:
    return [
        {
            **asset.values,
            "slug": asset.slug,
            "provenance": dict(asset.provenance),
            "is_active": asset.is_active,
            "first_seen_at": asset.first_seen_at.isoformat(),
            "last_seen_at": asset.last_seen_at.isoformat(),
        }
        for asset in assets
    ]


def _alias_rows(aliases: Iterable[Alias]) -> list[dict[str, object]]:
    return [
        {
            "slug": alias.slug,
            "provider": alias.provider,
            "kind": alias.kind,
            "alias": alias.alias,
            "valid_from": alias.valid_from.isoformat(),
            "valid_to": alias.valid_to.isoformat() if alias.valid_to else None,
            "evidence": alias.evidence,
        }
        for alias in aliases
    ]
