"""The three forms in which CoinGecko reports an error.

What does not belong here: when each one is due.
"""

from __future__ import annotations

from datetime import UTC, datetime

from cryptoflow.simulator.responses import SimResponse

MISSING_KEY = 10_002
PLAN_RESTRICTED = 10_005
PRO_KEY_ON_PUBLIC_HOST = 10_010
DEMO_KEY_ON_PRO_HOST = 10_011
BEYOND_HISTORY = 10_012


def plain_error(status: int, message: str) -> SimResponse:
    """`{"error": "..."}`: unknown coins and unusable parameters."""
    return SimResponse(body={"error": message}, status=status)


def status_error(status: int, code: int, message: str, *, now: float) -> SimResponse:
    """`{"status": {...}}`: refusals of keys and of rates."""
    return SimResponse(
        body={"status": {"timestamp": _stamp(now), "error_code": code, "error_message": message}}, status=status
    )


def wrapped_error(status: int, code: int, message: str, *, now: float) -> SimResponse:
    """`{"error": {"status": {...}}}`: some refusals of keys and plans."""
    return SimResponse(
        body={"error": {"status": {"timestamp": _stamp(now), "error_code": code, "error_message": message}}},
        status=status,
    )


def _stamp(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
