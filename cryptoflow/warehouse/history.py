"""History as the warehouse knows it: which assets there are to ask for, what lacks, what was asked, what came of it.

What does not belong here: deciding what to ask (refine.history_plan), asking (collect.history), storing points
(chart_points).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cryptoflow.refine.history_plan import FINE_DAYS, ChartRequest, EarlierRequest, MissingMinutes, RankedKey
from cryptoflow.refine.refills import MissedSlot
from cryptoflow.warehouse.gaps import SLOT_LENGTH, Gap
from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.slots import Slot, close_slots
from cryptoflow.warehouse.statements import statement
from cryptoflow.warehouse.storable import storable_json, storable_text

RequestState = Literal["answered", "source_has_none", "refused", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedFor:
    """A request as it ended."""

    request: ChartRequest
    state: RequestState
    reason: str | None
    points: int
    asked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstHistory:
    """How many of the largest assets have had the history of their last day asked for."""

    asked: int
    wanted: int

    @property
    def is_whole(self) -> bool:
        """Whether nothing of it is left."""
        return self.wanted > 0 and self.asked >= self.wanted


def ranked_keys(connection: Connection, *, provider: str, most: int) -> list[RankedKey]:
    """The largest assets that the provider has a key for, largest first."""
    rows = connection.execute(statement("market/select_ranked_keys"), {"provider": provider, "most": most})
    return [RankedKey(asset_id=asset, key=key, rank=rank) for asset, key, rank in rows]


def missing_minutes(
    connection: Connection, *, provider: str, gaps: Iterable[Gap], assets: Sequence[RankedKey], fine_from: datetime
) -> list[MissingMinutes]:
    """Of the gaps, what the assets have no close of and the provider's charts were not asked for."""
    slots = _slots_of(gaps)
    if not slots or not assets:
        return []
    rows = connection.execute(
        statement("market/select_missing_minutes"),
        {"provider": provider, "slots": slots, "assets": _ids(assets), "fine_from": fine_from},
    )
    return [MissingMinutes(asset_id=asset, is_fine=fine, first=first, last=last) for asset, fine, first, last in rows]


def earlier_requests(connection: Connection, *, provider: str) -> list[EarlierRequest]:
    """First histories that were asked for, and whatever failed and is asked again."""
    rows = connection.execute(statement("ops/select_history_requests"), {"provider": provider})
    return [
        EarlierRequest(
            asset_id=asset, first_days=days, is_final=state != "failed", attempts=attempts, asked_at=asked_at
        )
        for asset, days, state, attempts, asked_at in rows
    ]


def record_requests(connection: Connection, requests: Sequence[AskedFor], *, provider: str, run_id: str | None) -> None:
    """Write down what was asked and what came of it, in the transaction of the points."""
    rows = [
        {
            "provider": provider,
            "asset_id": one.request.asset.asset_id,
            "starts_at": one.request.starts_at.isoformat(),
            "ends_at": one.request.ends_at.isoformat(),
            "first_days": one.request.first_days,
            "state": one.state,
            "reason": storable_text(one.reason) if one.reason else None,
            "points": one.points,
            "attempts": one.request.attempt,
            "asked_at": one.asked_at.isoformat(),
            "run_id": run_id,
        }
        for one in requests
    ]
    if rows:
        connection.execute(statement("ops/record_history_requests"), {"rows": storable_json(rows)})


def missed_slots(
    connection: Connection, *, provider: str, gaps: Sequence[Gap], assets: Sequence[RankedKey]
) -> list[MissedSlot]:
    """Each slot of the gaps, with what the provider's charts said of it."""
    standing: Mapping[datetime, Gap] = {slot: gap for gap in gaps for slot in _slots_of([gap])}
    if not standing or not assets:
        return []
    rows = connection.execute(
        statement("ops/count_refills"), {"provider": provider, "slots": list(standing), "assets": _ids(assets)}
    )
    return [
        MissedSlot(
            slot=slot,
            state=standing[slot].state,
            reason=standing[slot].reason,
            refilled=refilled,
            without_point=without_point,
            refused=refused,
            not_asked=not_asked,
            refusal=refusal,
        )
        for slot, refilled, without_point, refused, not_asked, refusal in rows
    ]


def tell_slots(
    connection: Connection,
    slots: Sequence[Slot],
    *,
    exceptions: Mapping[str, Sequence[datetime]],
    assets: Sequence[RankedKey],
) -> None:
    """Say what became of the slots; and of the assets without a point in them, by the reason that is given."""
    close_slots(connection, slots)
    for reason, excepted in exceptions.items():
        connection.execute(
            statement("ops/record_refill_exceptions"),
            {
                "dataset": slots[0].dataset,
                "provider": slots[0].provider,
                "slots": list(excepted),
                "assets": _ids(assets),
                "reason": reason,
            },
        )


def first_history(connection: Connection, *, provider: str, most: int) -> FirstHistory:
    """How far the first history of the largest assets has come."""
    assets = ranked_keys(connection, provider=provider, most=most)
    row = connection.execute(
        statement("ops/count_first_history"), {"provider": provider, "assets": _ids(assets), "days": FINE_DAYS}
    ).fetchone()
    assert row is not None
    return FirstHistory(asked=row[0], wanted=len(assets))


def _slots_of(gaps: Iterable[Gap]) -> list[datetime]:
    return [gap.starts + number * SLOT_LENGTH for gap in gaps for number in range(gap.slots)]


def _ids(assets: Sequence[RankedKey]) -> list[int]:
    return [asset.asset_id for asset in assets]
