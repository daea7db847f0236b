"""A small client of the control plane, for the command line and for tests.

What does not belong here: what the verbs do.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, TypeVar

import httpx
import msgspec

from cryptoflow.errors import PermanentError, TransientError

TIMEOUT_SECONDS = 10.0
DEFAULT_URL = "http://127.0.0.1:8900"

Answer = TypeVar("Answer")


class ClockView(msgspec.Struct, frozen=True, kw_only=True):
    """The simulated clock."""

    now: float
    speed: float
    frozen: bool


class FaultView(msgspec.Struct, frozen=True, kw_only=True):
    """A fault in force."""

    serial: int
    name: str
    provider: str | None
    rate: float
    amount: float | None
    field: str | None
    seconds_left: float | None


class KnownFault(msgspec.Struct, frozen=True, kw_only=True):
    """A fault that can be asked for."""

    name: str
    description: str


class FaultList(msgspec.Struct, frozen=True, kw_only=True):
    """The faults in force and those that can be asked for."""

    active: list[FaultView]
    known: list[KnownFault]


class RequestView(msgspec.Struct, frozen=True, kw_only=True):
    """A request that the simulator has answered."""

    serial: int
    at: float
    provider: str
    method: str
    route: str
    path: str
    query: str
    status: int
    plan: str
    faults: list[str]
    headers: dict[str, str]


class WindowUsage(msgspec.Struct, frozen=True, kw_only=True):
    """One window of one user; a quota of None is no limit."""

    quota: int | None
    used: int
    reset_at: float


class UserUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What one user of a provider has used."""

    provider: str
    plan: str
    user: str
    windows: dict[str, WindowUsage]


class LimitsView(msgspec.Struct, frozen=True, kw_only=True):
    """Quotas by provider, plan and window, and what was used."""

    quotas: dict[str, dict[str, dict[str, int | None]]]
    usage: list[UserUsage]


class RequestCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many requests a provider has seen."""

    routes: dict[str, int]
    statuses: dict[str, int]


class StateView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything there is to know about the running world."""

    seed: int
    clock: ClockView
    providers: list[str]
    faults: list[FaultView]
    limits: LimitsView
    requests: dict[str, RequestCounts]


class _Cleared(msgspec.Struct, frozen=True):
    cleared: int


class _Requests(msgspec.Struct, frozen=True):
    requests: list[RequestView]


class _Refusal(msgspec.Struct, frozen=True):
    error: str
    cure: str


class SimulatorClient:
    """Speaks to the control plane of the simulator at `url`."""

    def __init__(self, url: str = DEFAULT_URL, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self.url = url.rstrip("/")
        # A simulator is asked directly, whatever proxy the environment names.
        self._http = httpx.Client(base_url=f"{self.url}/_control", timeout=timeout_seconds, trust_env=False)

    def __enter__(self) -> SimulatorClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def is_healthy(self) -> bool:
        """Whether a simulator answers there."""
        try:
            return self._http.get("/health").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def state(self) -> StateView:
        """The whole state."""
        return self._ask("GET", "/state", StateView)

    def set_clock(
        self, *, now: float | None = None, speed: float | None = None, freeze: bool | None = None
    ) -> ClockView:
        """Change what is given."""
        return self._ask("POST", "/clock", ClockView, body={"now": now, "speed": speed, "freeze": freeze})

    def faults(self) -> FaultList:
        """The faults in force and those that can be asked for."""
        return self._ask("GET", "/faults", FaultList)

    def add_fault(
        self,
        name: str,
        *,
        provider: str | None = None,
        rate: float = 1.0,
        for_seconds: float | None = None,
        amount: float | None = None,
        field: str | None = None,
    ) -> FaultView:
        """Put a fault in force."""
        order = {
            "name": name,
            "provider": provider,
            "rate": rate,
            "for_seconds": for_seconds,
            "amount": amount,
            "field": field,
        }
        return self._ask("POST", "/faults", FaultView, body=order)

    def clear_faults(self, *, name: str | None = None, provider: str | None = None) -> int:
        """End faults; how many ended."""
        params = {key: value for key, value in (("name", name), ("provider", provider)) if value is not None}
        return self._ask("DELETE", "/faults", _Cleared, params=params).cleared

    def set_quota(self, *, provider: str, plan: str, window: str, quota: int | None) -> LimitsView:
        """Change a quota; None lifts it."""
        order = {"provider": provider, "plan": plan, "window": window, "quota": quota}
        return self._ask("POST", "/limits", LimitsView, body=order)

    def reset_usage(self, *, provider: str | None = None) -> LimitsView:
        """Forget what was used."""
        return self._ask("POST", "/limits", LimitsView, body={"provider": provider, "reset": True})

    def requests(self, *, provider: str | None = None, limit: int = 100) -> list[RequestView]:
        """The last requests, oldest first."""
        params = {"limit": str(limit)} | ({} if provider is None else {"provider": provider})
        return self._ask("GET", "/requests", _Requests, params=params).requests

    def forget_requests(self) -> None:
        """Start the record of requests anew."""
        self._ask("DELETE", "/requests", dict)

    def _ask(
        self,
        method: str,
        path: str,
        kind: type[Answer],
        *,
        body: dict[str, Any] | None = None,
        params: dict[str, str] | None = None,
    ) -> Answer:
        try:
            response = self._http.request(method, path, json=body, params=params)
        except httpx.HTTPError as error:
            raise TransientError(
                f"No simulator answers at {self.url} ({type(error).__name__}).",
                cure="Start one with `cryptoflow simulate`, or name another with --url.",
            ) from None
        try:
            if response.status_code == httpx.codes.BAD_REQUEST:
                refusal = msgspec.json.decode(response.content, type=_Refusal)
                raise PermanentError(refusal.error, cure=refusal.cure)
            response.raise_for_status()
            return msgspec.json.decode(response.content, type=kind)
        except (httpx.HTTPStatusError, msgspec.MsgspecError):
            raise PermanentError(
                f"What answers at {self.url} is not a simulator of this version (HTTP {response.status_code}).",
                cure="Name the simulator with --url, or restart it.",
            ) from None
