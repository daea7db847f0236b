"""Pieces of SQL that the statements of velocity have in common: a close's reading, buckets, seconds that it holds.

What does not belong here: whole statements (velocity_statements) and the ways to their windows.
"""

from __future__ import annotations

from typing import Final

from cryptoflow.cadence import Grain
from cryptoflow.refine.velocity import DIGITS, HIGHEST, HOLD, WINDOWS
from cryptoflow.warehouse.buckets import bucket_of

HOLD_TIME: Final = f"INTERVAL '{int(HOLD.total_seconds())} seconds'"
MINUTE: Final = "INTERVAL '1 minute'"
HOURS: Final = {name: int(length.total_seconds()) // 3_600 for name, length in WINDOWS.items()}


def day(instant: str) -> str:
    """The start of the day that holds the instant."""
    return bucket_of(Grain.DAY, instant).as_string()


def hour(instant: str) -> str:
    """The start of the hour that holds the instant."""
    return bucket_of(Grain.HOUR, instant).as_string()


def known(row: str) -> str:
    """Whether a close has a velocity."""
    return f"({row}.market_cap_usd > 0 AND {row}.volume_24h_usd IS NOT NULL)"


def reading(row: str) -> str:
    """The velocity of a close; NULL when it is not known."""
    ratio = f"round({row}.volume_24h_usd / {row}.market_cap_usd, {DIGITS})"
    return f"CASE WHEN {known(row)} THEN least({ratio}, {HIGHEST}) END"


def seconds(until: str, since: str) -> str:
    """Whole seconds from one instant to a later one; 0 when it is not later."""
    return f"greatest(extract(EPOCH FROM ({until}) - ({since})), 0)::int"
