"""What became of a slot: of each provider as a whole, and of the assets that its calls should have brought.

Due are the assets whose last known rank was asked. What does not belong here: asking, storing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from cryptoflow.collect.asking import Asking
from cryptoflow.collect.planning import DATASET
from cryptoflow.collect.snapshot_questions import SnapshotAnswer
from cryptoflow.refine.quota_calls import PlannedCall
from cryptoflow.sources.errors import QuotaSpent, RateLimited
from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.slots import (
    AskedRanks,
    Slot,
    SlotState,
    close_slot,
    count_due,
    multirange_of,
    record_absent,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """What came of asking one provider: assets stored; assets refused, each with the rule; rows refused, by rule."""

    assets: Collection[int]
    refused_assets: Mapping[int, str]
    refused_rows: Counter[str]
    refused_answers: Mapping[bytes, str] = field(default_factory=dict)
    """Whole answers that wait in quarantine, by hash, each with what it has become."""

    @property
    def refused(self) -> int:
        """Rows that were refused."""
        return self.refused_rows.total()


def close_asked(
    connection: Connection,
    asking: Asking[SnapshotAnswer],
    came: Came,
    *,
    slot: datetime,
    universe_size: int,
    calls: Sequence[PlannedCall],
) -> int:
    """Close the slot of a provider that was asked; returns how many assets were due and did not come."""
    asked = [_waiting(one, came.refused_answers) for one in asking.answered.asked] if asking.answered else []
    ranks = [(call.first_rank, min(call.first_rank + call.row_count - 1, universe_size)) for call in calls]
    due = 0 if came.assets else sum(_due_or_asked(connection, asking.provider, *stretch) for stretch in ranks)
    state, reason = _state_of(asking, came, is_due=due > 0)
    expected, absent = due or came.refused, 0
    if state == "observed":
        absent = record_absent(
            connection,
            dataset=DATASET,
            provider=asking.provider,
            slot=slot,
            asked=asked,
            refused={asset: f"Its row was refused: {rule}." for asset, rule in came.refused_assets.items()},
            came=came.assets,
        )
        unknown = _unknown(connection, asking.provider, [one for one in asked if one.failed])
        # Refused rows without a readable key are most likely those of assets that seem to be absent.
        nameless = max(0, came.refused - len(came.refused_assets))
        expected = len(came.assets) + came.refused + max(0, absent - nameless) + unknown
    close_slot(
        connection,
        Slot(
            dataset=DATASET,
            provider=asking.provider,
            slot=slot,
            state=state,
            reason=reason,
            assets_expected=expected,
            assets_observed=len(came.assets),
            assets_refused=came.refused,
            collection_id=asking.collection.collection_id,
            ranks_asked=multirange_of(
                [(one.first_rank, one.last_rank) for one in asked]
                or [(call.first_rank, call.first_rank + call.row_count - 1) for call in calls]
            ),
        ),
    )
    return absent


def close_idle(connection: Connection, idle: Mapping[str, tuple[SlotState, str]], *, slot: datetime) -> None:
    """Say of the providers that were not asked why: it was not their turn, or they may not be asked."""
    for provider, (state, reason) in idle.items():
        close_slot(
            connection,
            Slot(
                dataset=DATASET,
                provider=provider,
                slot=slot,
                state=state,
                reason=reason,
                assets_expected=0,
                assets_observed=0,
                assets_refused=0,
                collection_id=None,
            ),
        )


def _waiting(one: AskedRanks, refused: Mapping[bytes, str]) -> AskedRanks:
    """What is missing from an answer that nobody believes is not known to be gone."""
    rule = refused.get(one.payload_sha256) if one.payload_sha256 else None
    if rule is None:
        return one
    return replace(one, state="feed_down", reason=f"Its page waits in quarantine: {rule}.")


def _unknown(connection: Connection, provider: str, failed: Sequence[AskedRanks]) -> int:
    """Rows of pages that failed and never came before: what they hold is not known, so what was asked for counts."""
    return sum(
        one.last_rank - one.first_rank + 1
        for one in failed
        if not count_due(connection, provider=provider, first_rank=one.first_rank, last_rank=one.last_rank)
    )


def _due_or_asked(connection: Connection, provider: str, first_rank: int, last_rank: int) -> int:
    """Assets that were last ranked in the stretch; as many as were asked for when nothing is known of the ranking."""
    due = count_due(connection, provider=provider, first_rank=first_rank, last_rank=last_rank)
    if due or count_due(connection, provider=provider, first_rank=1, last_rank=first_rank):
        return due
    return max(0, last_rank - first_rank + 1)


def _state_of(asking: Asking[SnapshotAnswer], came: Came, *, is_due: bool) -> tuple[SlotState, str | None]:
    if asking.error is None and not (came.assets or came.refused or is_due):
        return "confirmed_empty", "The provider answered, and lists nothing in the ranks that were asked."
    if asking.error is None and not came.assets:
        rules = ", ".join(f"{rule} {count}" for rule, count in came.refused_rows.most_common())
        refused = f"{came.refused} were refused ({rules})" if came.refused else "none came"
        return "feed_down", f"No row of the answer could be stored; {refused}."
    if asking.error is None:
        return "observed", None
    if isinstance(asking.error, QuotaSpent | RateLimited):
        return "throttled", asking.error.what
    return "feed_down", asking.error.what
