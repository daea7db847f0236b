"""What is missing and why: the slots that were not observed, joined into stretches of one state and reason.

A slot that nobody told anything about is a gap too: nothing ran then. What does not belong here: filling gaps.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.statements import statement

SLOT_LENGTH: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Slots in a row, [starts, ends), of one provider, state and reason."""

    provider: str
    starts: datetime
    ends: datetime
    state: str
    reason: str | None

    @property
    def slots(self) -> int:
        """How many slots it has."""
        return (self.ends - self.starts) // SLOT_LENGTH


def find_gaps(database_url: str, *, dataset: str, starts: datetime, ends: datetime, planned: bool = False) -> list[Gap]:
    """Every gap in [starts, ends) since the dataset's first slot; `planned` adds those in which nothing was due."""
    with transaction(database_url) as connection:
        rows = connection.execute(
            statement("ops/select_gaps"), {"dataset": dataset, "starts": starts, "ends": ends, "planned": planned}
        ).fetchall()
    slots = (
        Gap(provider=provider, starts=slot, ends=slot + SLOT_LENGTH, state=state, reason=reason)
        for provider, slot, state, reason in rows
    )
    return stretches(slots)


def stretches(slots: Iterable[Gap]) -> list[Gap]:
    """Slots in order, joined where one follows the other and says the same."""
    joined: list[Gap] = []
    for slot in slots:
        last = joined[-1] if joined else None
        if last and (last.provider, last.state, last.reason, last.ends) == (
            slot.provider,
            slot.state,
            slot.reason,
            slot.starts,
        ):
            joined[-1] = replace(last, ends=slot.ends)
        else:
            joined.append(slot)
    return joined
