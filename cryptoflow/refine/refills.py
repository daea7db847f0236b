"""What becomes of a missed slot when its history was asked for: the state that it gets, and the words for it.

What does not belong here: asking, counting (warehouse.history).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from cryptoflow.refine.history_plan import COARSE_DAYS, coarse_from, fine_from

RefilledState = Literal["observed", "source_has_none", "feed_down", "throttled", "pending"]
REFILLABLE: Final = frozenset({"feed_down", "throttled", "pending"})
_SO_FAR: Final = " Of market_chart "


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedSlot:
    """A slot that was due and not observed, as it stands, and what charts said of its assets."""

    slot: datetime
    state: str
    reason: str | None
    refilled: int
    """Assets with a point in the minute."""
    without_point: int
    """Assets that were asked for and have none, those included whose chart was refused."""
    refused: int
    not_asked: int
    refusal: str | None

    @property
    def wanted(self) -> int:
        """Assets that lacked the minute."""
        return self.refilled + self.without_point + self.not_asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The state that a slot gets, and why."""

    state: RefilledState
    reason: str


def nothing_there(slot: datetime, *, now: datetime) -> str:
    """Why an answered chart has no point in a minute."""
    distance = "5 minutes" if slot >= fine_from(now) else "hour of a time so long ago"
    return f"market_chart has a point every {distance}; none falls into this minute."


def verdict(missed: MissedSlot, *, now: datetime) -> Verdict | None:
    """What to say of the slot; None: nothing that it does not say already."""
    if missed.wanted == 0:
        # Another provider closed the minute of every asset: the feed was down, and nothing is missing for it.
        return None
    found = _final(missed, now=now) or _so_far(missed)
    return None if found is None or (found.state, found.reason) == (missed.state, missed.reason) else found


def _final(missed: MissedSlot, *, now: datetime) -> Verdict | None:
    is_too_old = missed.slot < coarse_from(now)
    if missed.not_asked and not is_too_old:
        return None
    if missed.refilled:
        late = f" {missed.not_asked} were not asked for within {COARSE_DAYS} days." if missed.not_asked else ""
        return Verdict(
            state="observed", reason=f"Refilled from market_chart: {missed.refilled} of {missed.wanted} assets.{late}"
        )
    if missed.not_asked:
        return Verdict(state="source_has_none", reason=f"market_chart is not asked for more than {COARSE_DAYS} days.")
    if missed.refused == missed.without_point:
        return Verdict(state="source_has_none", reason=f"market_chart of its assets was refused: {missed.refusal}")
    return Verdict(state="source_has_none", reason=nothing_there(missed.slot, now=now))


def _so_far(missed: MissedSlot) -> Verdict | None:
    """The slot stays what it is, and says how far its refill has come."""
    asked = missed.wanted - missed.not_asked
    if not asked:
        return None
    assert missed.state in ("feed_down", "throttled", "pending")
    before = (missed.reason or "").partition(_SO_FAR)[0]
    return Verdict(
        state=missed.state,  # type: ignore[arg-type]
        reason=f"{before}{_SO_FAR}{asked} of {missed.wanted} assets were asked so far, {missed.refilled} have a point.",
    )
