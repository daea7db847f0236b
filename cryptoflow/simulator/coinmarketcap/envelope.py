"""CoinMarketCap's envelope: `{"status": ..., "data": ...}`, and its errors.

What does not belong here: when an error is due (policy.py), what the data is (routes).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptoflow.simulator.responses import Shape, SimResponse

CREDITS_HEADER = "x-simulated-credits"
"""Internal: tells the policy what an answer costs; the policy takes it off again."""
POINTS_PER_CREDIT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CmcError:
    """One documented error: its code, HTTP status and words."""

    code: int
    status: int
    message: str


INVALID_KEY = CmcError(code=1001, status=401, message="This API Key is invalid.")
MISSING_KEY = CmcError(code=1002, status=401, message="API key missing.")
NOT_ACTIVATED = CmcError(code=1003, status=402, message="Your API Key must be activated.")
EXPIRED = CmcError(code=1004, status=402, message="Your API Key's subscription plan has expired.")
PLAN_EXCLUDES = CmcError(code=1006, status=403, message="Your API Key subscription plan doesn't support this endpoint.")
DISABLED = CmcError(code=1007, status=403, message="This API Key has been disabled. Please contact support.")
MINUTE_SPENT = CmcError(code=1008, status=429, message="The minute rate limit of your API Key is exceeded.")
DAY_SPENT = CmcError(code=1009, status=429, message="The daily credit limit of your API Key is exceeded.")
MONTH_SPENT = CmcError(code=1010, status=429, message="The monthly credit limit of your API Key is exceeded.")


def stamp(now: float) -> str:
    """ISO time with milliseconds and Z."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{int(now * 1000) % 1000:03d}Z"


def success(
    data: object,
    *,
    now: float,
    points: int,
    currencies: int = 1,
    shape: Shape | None = None,
    total_count: int | None = None,
) -> SimResponse:
    """An answer of `points` data points, each quoted in so many currencies; 0 points are free."""
    credits = credits_for(points) * currencies
    status: dict[str, object] = {
        "timestamp": stamp(now),
        "error_code": 0,
        "error_message": None,
        "elapsed": 10 + points % 37,
        "credit_count": credits,
        "notice": None,
    }
    if total_count is not None:
        status["total_count"] = total_count
    headers: Mapping[str, str] = {CREDITS_HEADER: str(credits)}
    return SimResponse(body={"status": status, "data": data}, headers=headers, shape=shape or Shape())


def failure(error: CmcError, *, now: float) -> SimResponse:
    """An error: no `data`, no `notice`, no credits."""
    return SimResponse(
        body={
            "status": {
                "timestamp": stamp(now),
                "error_code": error.code,
                "error_message": error.message,
                "elapsed": 0,
                "credit_count": 0,
            }
        },
        status=error.status,
    )


def bad_request(message: str, *, now: float) -> SimResponse:
    """Code 400: a parameter is missing or unusable."""
    return failure(CmcError(code=400, status=400, message=message), now=now)


def credits_for(points: int) -> int:
    """One credit per 200 data points, rounded up."""
    return -(-points // POINTS_PER_CREDIT)
