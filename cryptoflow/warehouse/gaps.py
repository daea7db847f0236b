"""What is missing and why: the slots that were not observed, joined into stretches of one state and reason.

A slot that nobody told anything about is a gap too: nothing ran then. In a slot that was observed, the assets that were
due and are not in it are gaps of their own. What does not belong here: filling gaps; buckets of several minutes
(coarse_gaps).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from cryptoflow.warehouse.explaining import asset_of_slug
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.statements import statement

SLOT_LENGTH: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Slots in a row, [starts, ends), of one provider, state and reason; of the whole slot, or of one asset in it."""

    provider: str
    starts: datetime
    ends: datetime
    state: str
    reason: str | None
    asset: str | None = None

    @property
    def slots(self) -> int:
        """How many slots it has."""
        return (self.ends - self.starts) // SLOT_LENGTH


def find_gaps(
    database_url: str,
    *,
    dataset: str,
    starts: datetime,
    ends: datetime,
    planned: bool = False,
    asset: str | None = None,
) -> list[Gap]:
    """Every gap in [starts, ends) since the dataset's first slot; `planned` adds those in which nothing was due.

    With `asset`, the slots of that asset, whatever kept it from being observed. Else the slots that were not observed
    as a whole, and then the assets that differ from their slots.
    """
    span = {"dataset": dataset, "starts": starts, "ends": ends}
    with transaction(database_url) as connection:
        if asset is not None:
            given = span | {"asset_id": asset_of_slug(connection, asset), "planned": planned}
            rows = connection.execute(statement("ops/select_gaps_of_asset"), given).fetchall()
            return stretches(_slot(*row, asset=asset) for row in rows)
        whole = connection.execute(statement("ops/select_gaps"), span | {"planned": planned}).fetchall()
        single = connection.execute(statement("ops/select_slot_exceptions"), span).fetchall()
    return [
        *stretches(_slot(*row) for row in whole),
        *stretches(_slot(provider, slot, state, reason, asset=slug) for provider, slot, slug, state, reason in single),
    ]


def _slot(provider: str, slot: datetime, state: str, reason: str | None, *, asset: str | None = None) -> Gap:
    return Gap(provider=provider, starts=slot, ends=slot + SLOT_LENGTH, state=state, reason=reason, asset=asset)


def stretches(slots: Iterable[Gap]) -> list[Gap]:
    """Slots in order, joined where one follows the other and says the same."""
    joined: list[Gap] = []
    for slot in slots:
        last = joined[-1] if joined else None
        if last and (last.provider, last.asset, last.state, last.reason, last.ends) == (
            slot.provider,
            slot.asset,
            slot.state,
            slot.reason,
            slot.starts,
        ):
            joined[-1] = replace(last, ends=slot.ends)
        else:
            joined.append(slot)
    return joined
