"""The slot ledger: one row for a whole slot, one more for each asset that differs. What is missing, and why.

A slot is told again when more is known about it; a slot that was observed is never told to be less. An asset differs
when it was due (its last known rank was asked) and did not come, or when its row was refused.
What does not belong here: deciding which slots were due.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Literal

from cryptoflow.warehouse.arrays import integer_array
from cryptoflow.warehouse.pool import Connection, transaction
from cryptoflow.warehouse.statements import statement

SlotState = Literal["observed", "confirmed_empty", "feed_down", "source_has_none", "throttled", "not_due", "pending"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """What became of one slot of one provider."""

    dataset: str
    provider: str
    slot: datetime
    state: SlotState
    reason: str | None
    assets_expected: int
    assets_observed: int
    assets_refused: int
    collection_id: int | None
    ranks_asked: str | None = None
    """As a multirange of PostgreSQL; None: not asked by rank."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedRanks:
    """A stretch of the ranking that was asked, and what that means for an asset of it that did not come."""

    first_rank: int
    last_rank: int
    state: SlotState
    reason: str
    failed: bool = False
    """Whether the page did not come at all, so that nobody knows what it holds."""
    payload_sha256: bytes | None = None
    """Hash of the answer that came for it."""


def close_slot(connection: Connection, slot: Slot) -> None:
    """Say what became of the slot."""
    connection.execute(statement("ops/close_slot"), asdict(slot))


def record_absent(
    connection: Connection,
    *,
    dataset: str,
    provider: str,
    slot: datetime,
    asked: Sequence[AskedRanks],
    refused: Mapping[int, str],
    came: Collection[int],
) -> int:
    """Say which assets were due in an observed slot and are not in it, and which are in it after all.

    `refused` has the reason for each asset whose row was refused, `came` the assets whose rows are stored. Call it
    before the slot is closed. Returns how many assets were due and did not come.
    """
    row = connection.execute(
        statement("ops/record_absent"),
        {
            "dataset": dataset,
            "provider": provider,
            "slot": slot,
            "first_ranks": [one.first_rank for one in asked],
            "last_ranks": [one.last_rank for one in asked],
            "states": [one.state for one in asked],
            "reasons": [one.reason for one in asked],
            "refused": list(refused),
            "refusals": list(refused.values()),
            "came": integer_array(came),
        },
    ).fetchone()
    assert row is not None
    return int(row[0])


def count_due(connection: Connection, *, provider: str, first_rank: int, last_rank: int) -> int:
    """How many assets of the provider were last ranked in the stretch."""
    row = connection.execute(
        statement("ops/count_ranked"), {"provider": provider, "first_rank": first_rank, "last_rank": last_rank}
    ).fetchone()
    assert row is not None
    return int(row[0])


def multirange_of(ranks: Sequence[tuple[int, int]]) -> str | None:
    """First and last ranks as a multirange of PostgreSQL; None when there are none."""
    return "{" + ",".join(f"[{first},{last}]" for first, last in ranks) + "}" if ranks else None


def coverage_by_slot(
    database_url: str, *, dataset: str, starts: datetime, ends: datetime
) -> dict[datetime, tuple[int, int]]:
    """(assets expected, assets observed) of each slot in [starts, ends) that was told of."""
    with transaction(database_url) as connection:
        rows = connection.execute(
            statement("ops/select_slot_coverage"), {"dataset": dataset, "starts": starts, "ends": ends}
        ).fetchall()
    return {slot.astimezone(UTC): (expected, observed) for slot, expected, observed in rows}


def close_slots(connection: Connection, slots: Sequence[Slot]) -> None:
    """Say what became of many slots at once."""
    with connection.cursor() as cursor:
        cursor.executemany(statement("ops/close_slot"), [asdict(slot) for slot in slots])


def providers_observed(database_url: str, *, dataset: str, providers: Sequence[str]) -> set[str]:
    """Those of the providers that ever answered for the dataset."""
    with transaction(database_url) as connection:
        rows = connection.execute(
            statement("ops/select_providers_observed"), {"dataset": dataset, "providers": list(providers)}
        )
        return {provider for (provider,) in rows}


def settle_slot(
    connection: Connection, *, dataset: str, provider: str, slot: datetime, assets: Collection[int]
) -> None:
    """Tell of a slot that these assets are stored after all."""
    connection.execute(
        statement("ops/update_slot"),
        {"dataset": dataset, "provider": provider, "slot": slot, "assets": list(assets)},
    )
