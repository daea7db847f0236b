"""How long to wait: the Retry-After header and the growing pause between attempts. Pure arithmetic.

What does not belong here: waiting, and deciding whether an error may be retried.
"""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

RETRY_AFTER_STATUSES = frozenset({418, 429, 503})
"""Elsewhere the header means nothing: CDNs were seen to add it to good answers."""
RETRY_AFTER_FLOOR_SECONDS = 1.0
RETRY_AFTER_CAP_SECONDS = 300.0
BAN_STATUS = 418
"""An exchange that bans an address says for how long, and asking meanwhile makes it longer: believed up to days."""
BAN_CAP_SECONDS = 3 * 86_400.0

_DELTA_SECONDS = re.compile(r"\d{1,9}(\.\d{1,6})?", re.ASCII)


def retry_after_seconds(header: str | None, *, status: int, now: datetime) -> float | None:
    """The wait that the header asks for, clamped; None without one, or when it is unreadable or has no meaning here."""
    if header is None or status not in RETRY_AFTER_STATUSES:
        return None
    wanted = _wanted_seconds(header.strip(), now)
    if wanted is None:
        return None
    cap = BAN_CAP_SECONDS if status == BAN_STATUS else RETRY_AFTER_CAP_SECONDS
    return min(max(wanted, RETRY_AFTER_FLOOR_SECONDS), cap)


def _wanted_seconds(text: str, now: datetime) -> float | None:
    if _DELTA_SECONDS.fullmatch(text):
        return float(text)
    try:
        at = parsedate_to_datetime(text)
        return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None


def backoff_seconds(*, attempt: int, base_seconds: float, cap_seconds: float, random_source: random.Random) -> float:
    """Full jitter: anything between nothing and the doubled step, so that many callers do not come back together."""
    return random_source.uniform(0.0, backoff_ceiling_seconds(attempt, base_seconds, cap_seconds))


def backoff_ceiling_seconds(attempt: int, base_seconds: float, cap_seconds: float) -> float:
    """The longest pause after the given attempt (1 is the first)."""
    return float(min(cap_seconds, base_seconds * 2.0 ** min(attempt - 1, 32)))
