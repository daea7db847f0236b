"""What the doctor says of expectations that do not hold.

What does not belong here: looking at the data (quality).
"""

from __future__ import annotations

from cryptoflow.ops.finding import Finding, broken, ok
from cryptoflow.quality.results import Result, newest_results


def look_at_quality(database_url: str) -> list[Finding]:
    """One finding for each table whose newest look found an error."""
    return judge_results(newest_results(database_url, failed=True))


def judge_results(failed: list[Result]) -> list[Finding]:
    """Findings from what does not hold. Pure."""
    by_dataset: dict[str, list[Result]] = {}
    for result in failed:
        if result.severity == "error":
            by_dataset.setdefault(result.dataset, []).append(result)
    return [_finding(dataset, results) for dataset, results in by_dataset.items()] or [
        ok("quality", "no expectation of severity error is broken")
    ]


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
