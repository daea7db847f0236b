"""From a provider's plan to its calls, and to the calls of a minute.

Every call has a cadence and a phase: it is due in each minute whose number since 1970 leaves the phase when divided by
the cadence. The calls of a tier are spread over free slots, so that no slot holds more calls than the rate allows; this
always succeeds for a plan that fits, because each cadence divides the next. The layout depends on the plan alone.

What does not belong here: choosing cadences (quota_plan.py), asking.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptoflow.refine.quota_model import ProviderPlan, TierPlan
from cryptoflow.refine.quota_plan import blocks_per_call, rows_per_block

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCall:
    """One call that is made again and again: which ranks, what it costs, and when."""

    provider: str
    place: int
    """Of the tier that pays for it."""
    first_rank: int
    row_count: int
    units: int
    cadence_minutes: int
    phase_minutes: int

    def is_due(self, minute: datetime) -> bool:
        """Whether it is made in the minute that holds this instant."""
        return _number(minute) % self.cadence_minutes == self.phase_minutes


def lay_out(plan: ProviderPlan) -> tuple[PlannedCall, ...]:
    """Every call of the plan, best ranks first."""
    calls: list[PlannedCall] = []
    loads = [0]
    for tier in sorted((tier for tier in plan.tiers if tier.own_minutes), key=lambda tier: tier.own_minutes or 0):
        assert tier.own_minutes is not None
        slots = tier.own_minutes // plan.slot_minutes
        loads *= slots // len(loads)
        free = [(load, slot) for slot, load in enumerate(loads)]
        heapq.heapify(free)
        for first_block, end_block in _chunks(plan, tier):
            load, slot = free[0]
            heapq.heapreplace(free, (load + 1, slot))
            loads[slot] += 1
            # Slots longer than a minute: their calls keep a distance.
            phase = slot * plan.slot_minutes + load * (plan.slot_minutes // plan.calls_per_slot)
            calls.append(_call(plan, tier, first_block=first_block, end_block=end_block, phase_minutes=phase))
    return tuple(calls)


def due(calls: Iterable[PlannedCall], minute: datetime) -> tuple[PlannedCall, ...]:
    """The calls of the minute that holds this instant, best ranks first."""
    return tuple(call for call in calls if call.is_due(minute))


def _chunks(plan: ProviderPlan, tier: TierPlan) -> Iterable[tuple[int, int]]:
    step = blocks_per_call(plan.allowance)
    return ((block, min(block + step, tier.end_block)) for block in range(tier.first_block, tier.end_block, step))


def _call(plan: ProviderPlan, tier: TierPlan, *, first_block: int, end_block: int, phase_minutes: int) -> PlannedCall:
    rows = rows_per_block(plan.allowance)
    return PlannedCall(
        provider=plan.allowance.provider,
        place=tier.tier.place,
        first_rank=first_block * rows + 1,
        row_count=(end_block - first_block) * rows,
        units=end_block - first_block,
        cadence_minutes=tier.own_minutes or 0,
        phase_minutes=phase_minutes,
    )


def _number(minute: datetime) -> int:
    """Minutes since 1970."""
    return (minute - _EPOCH) // timedelta(minutes=1)
