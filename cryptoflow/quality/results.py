"""The record of what was looked at: written once per look, read as the newest look of each dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from cryptoflow.quality.outcome import Outcome
from cryptoflow.quality.window import Window
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.records import record_of
from cryptoflow.warehouse.statements import statement
from cryptoflow.warehouse.storable import storable_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One row of the newest look at a dataset."""

    dataset: str
    suite: str
    expectation: str
    severity: str
    success: bool
    evaluated: int | None
    unexpected: int | None
    evaluated_at: datetime
    what: str
    sample: Sequence[Mapping[str, Any]] | None
    error: str | None


def record_outcomes(
    database_url: str,
    dataset: str,
    outcomes: Sequence[Outcome],
    *,
    window: Window,
    evaluated_at: datetime,
    run_id: str | None = None,
) -> None:
    """Keep the outcomes of one look, all of them or none."""
    rows = [
        {
            "evaluated_at": evaluated_at.isoformat(),
            "dataset": dataset,
            "expectation": outcome.rule.name,
            "suite": outcome.rule.check,
            "what": outcome.rule.what,
            "severity": outcome.rule.severity,
            "success": outcome.success,
            "evaluated": outcome.evaluated,
            "unexpected": outcome.unexpected,
            "sample": [exact(row) for row in outcome.sample] or None,
            "window_starts": window.starts.isoformat() if window.starts else None,
            "window_ends": window.ends.isoformat(),
            "error": outcome.error,
            "run_id": run_id,
        }
        for outcome in outcomes
    ]
    with transaction(database_url) as connection:
        connection.execute(statement("ops/insert_quality_results"), {"rows": storable_json(rows)})


def newest_results(database_url: str, *, dataset: str | None = None, failed: bool = False) -> list[Result]:
    """What the newest look at each dataset gave, what failed first; `failed` leaves out what held."""
    with transaction(database_url) as connection:
        rows = connection.execute(
            statement("ops/select_quality_results"), {"dataset": dataset, "failed": failed}
        ).fetchall()
    return [result_of(row) for row in rows]


def result_of(row: Sequence[Any]) -> Result:
    """A row of the statement ops/select_quality_results."""
    return record_of(Result, row)


def exact(row: Mapping[str, Any]) -> dict[str, object]:
    """A row of a sample as JSON can hold it without loss: decimals and instants as text."""
    return {name: _exact(value) for name, value in row.items()}


def _exact(value: Any) -> object:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return value.isoformat()
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
