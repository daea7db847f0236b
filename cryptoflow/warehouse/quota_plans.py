"""The record of collection plans: one row for every change, so that it can be told who got slower, when and why.

What does not belong here: making plans (refine.quota_plan), deciding what a change is (refine.quota_changes).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, get_args

from cryptoflow.refine.quota_model import PlanCause, PlanMark, Silence, TierMark
from cryptoflow.warehouse.pool import Connection, transaction
from cryptoflow.warehouse.statements import statement
from cryptoflow.warehouse.storable import storable_json


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChange:
    """One row of the record."""

    mark: PlanMark
    planned_at: datetime
    cause: PlanCause
    reasons: Sequence[str]
    changes: Sequence[str]


def lock_record(connection: Connection) -> None:
    """Hold off other recorders until the transaction ends."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK_KEY,))


def newest_marks(connection: Connection, providers: Sequence[str]) -> dict[str, PlanMark]:
    """The plan that is on record last, by provider."""
    rows = connection.execute(statement("ops/select_newest_plans"), {"providers": list(providers)}).fetchall()
    return {row[0]: _mark(*row) for row in rows}


def record_changes(connection: Connection, changes: Sequence[PlanChange]) -> None:
    """Add the changes to the record."""
    for change in changes:
        mark = change.mark
        connection.execute(
            statement("ops/record_plan"),
            {
                "provider": mark.provider,
                "planned_at": change.planned_at,
                "cause": change.cause,
                "tiers": storable_json([_tier_row(tier) for tier in mark.tiers]),
                "silence": mark.silence,
                "silent_until": mark.silent_until,
                "rate_factor": mark.rate_factor,
                "units_per_period": mark.units_per_period,
                "used_units": mark.used_units,
                "reasons": storable_json(list(change.reasons)),
                "changes": storable_json(list(change.changes)),
            },
        )


def recent_changes(database_url: str, *, most: int) -> list[dict[str, Any]]:
    """The newest changes of all providers, newest first: provider, planned_at, cause, changes."""
    with transaction(database_url) as connection:
        rows = connection.execute(statement("ops/select_plan_changes"), {"most": most}).fetchall()
    return [dict(zip(("provider", "planned_at", "cause", "changes"), row, strict=True)) for row in rows]


# The number is arbitrary; it only has to be the same in every process.
_LOCK_KEY = 7_246_006


def _tier_row(tier: TierMark) -> dict[str, object]:
    return {"first_rank": tier.first_rank, "last_rank": tier.last_rank, "minutes": tier.minutes}


def _mark(
    provider: str,
    tiers: list[dict[str, Any]],
    silence: str | None,
    silent_until: datetime | None,
    rate_factor: Decimal,
    units_per_period: int | None,
    used_units: int,
) -> PlanMark:
    assert silence is None or silence in get_args(Silence)
    return PlanMark(
        provider=provider,
        tiers=tuple(TierMark(**tier) for tier in tiers),
        silence=silence,  # type: ignore[arg-type]
        silent_until=silent_until,
        rate_factor=rate_factor,
        units_per_period=units_per_period,
        used_units=used_units,
    )
