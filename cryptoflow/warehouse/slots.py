"""The slot ledger: one row for a whole slot, one more for each asset that differs. What is missing, and why.

A slot is told again when more is known about it; a slot that was observed is never told to be less.
What does not belong here: deciding which slots were due.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

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


def close_slot(
    connection: Connection, slot: Slot, *, exceptions: Mapping[int, tuple[SlotState, str]] | None = None
) -> None:
    """Say what became of the slot, and of the assets that differ from it."""
    connection.execute(statement("ops/close_slot"), asdict(slot))
    for asset_id, (state, reason) in (exceptions or {}).items():
        connection.execute(
            statement("ops/close_slot_of_asset"),
            {
                "dataset": slot.dataset,
                "provider": slot.provider,
                "slot": slot.slot,
                "asset_id": asset_id,
                "state": state,
                "reason": reason,
            },
        )


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
