"""What the doctor says of expectations: which do not hold, and whether they are looked at at all.

What does not belong here: looking at the data (quality).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from cryptoflow.ops.finding import Finding, broken, ok, warning
from cryptoflow.ops.rows import rows_in
from cryptoflow.quality.results import Result, result_of

# They are looked at every hour; one look may be skipped because the one before it still ran.
LATE: Final = timedelta(hours=2, minutes=30)
_SUBJECT: Final = "quality"


def look_at_quality(database_url: str, *, now: datetime) -> list[Finding]:
    """One finding for each table whose newest look found an error, and one when nobody has looked for long."""
    newest = [at for (at,) in rows_in(database_url, "ops/select_newest_look")]
    failed = rows_in(database_url, "ops/select_quality_results", {"dataset": None, "failed": True})
    return [*judge_looks(newest[0] if newest else None, now=now), *judge_results([result_of(row) for row in failed])]


def judge_looks(newest: datetime | None, *, now: datetime) -> list[Finding]:
    """Whether somebody looks; what is well is said by what was found. Pure."""
    if newest is None:
        return [ok(_SUBJECT, "expectations were not looked at yet; they are every hour, at minute 12")]
    if now - newest <= LATE:
        return []
    return [
        warning(
            _SUBJECT,
            f"expectations were looked at last at {newest:%Y-%m-%d %H:%M} UTC, though they are every hour",
            cure="See the runs of quality_job in Dagster; its schedule quality_hourly must be running. `cryptoflow"
            " quality run` looks now.",
        )
    ]


def judge_results(failed: list[Result]) -> list[Finding]:
    """Findings from what does not hold. Pure."""
    by_dataset: dict[str, list[Result]] = {}
    for result in failed:
        if result.severity == "error":
            by_dataset.setdefault(result.dataset, []).append(result)
    return [_finding(dataset, results) for dataset, results in by_dataset.items()]


def _finding(dataset: str, results: list[Result]) -> Finding:
    named = ", ".join(
        f"{one.expectation} ({'not looked at' if one.error else f'{one.unexpected} of {one.evaluated} rows'})"
        for one in results
    )
    return broken(
        f"quality of {dataset}",
        f"at {results[0].evaluated_at:%H:%M} UTC did not hold: {named}",
        cure=f"`cryptoflow quality results --failed --dataset {dataset}` has what must hold; the checks on the asset in"
        " Dagster have a sample and the cure of each.",
    )
