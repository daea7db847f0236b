"""What the doctor says of retention: days that are past their time go, and those that stay have a reason.

What does not belong here: letting go, and the proof before it (warehouse.retention).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from cryptoflow.ops.finding import Finding, ok, warning
from cryptoflow.warehouse.retention import days_past_retention

# Housekeeping lets go once a day; a day that was past its time so long ago was left by two rounds of it.
LATE: Final = timedelta(days=2)


def look_at_retention(database_url: str, *, now: datetime) -> list[Finding]:
    """Days that should have gone."""
    late = days_past_retention(database_url, now=now - LATE)
    if not late:
        return [ok("retention", "no day of samples and minutes stays past its time")]
    return [
        warning(
            "retention",
            f"{len(late)} days are past their time and still there, the oldest {late[0]:%Y-%m-%d}",
            cure="`cryptoflow retain --dry-run` says why each stays; the runs of housekeeping_job let the others go.",
        )
    ]
