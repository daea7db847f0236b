"""How history is doing: whether it waits, for what, and until when. A look of the doctor.

That its last run failed is told with every other collection. What does not belong here: asking for history.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from cryptoflow.collect.history_run import TIME_IS_OVER
from cryptoflow.ops.finding import Finding, ok, warning

_SUBJECT: Final = "history"


def findings_of_history(rows: Iterable[tuple[Any, ...]]) -> list[Finding]:
    """What the newest run of history left, as (provider, left, stopped by, goes on at)."""
    return [_finding(*row) for row in rows]


def _finding(provider: str, left: int, stopped_by: str | None, goes_on_at: str | None) -> Finding:
    if not left:
        return ok(_SUBJECT, f"nothing is left to ask {provider} for")
    if stopped_by in (None, TIME_IS_OVER) or goes_on_at is None:
        return ok(_SUBJECT, f"{left} charts of {provider} are left; the next run asks for them")
    return warning(
        _SUBJECT,
        f"{left} charts of {provider} are left: {str(stopped_by).rstrip('.')}",
        cure=f"It goes on by itself from {goes_on_at[:19].replace('T', ' ')} UTC;"
        " `cryptoflow backfill market` says what is left and what it costs.",
    )
