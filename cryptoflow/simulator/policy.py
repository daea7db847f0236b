"""What a provider's policy consists of: who asks, what it costs, how a refusal reads, which headers tell of limits.

What does not belong here: any provider's own policy (policies.py, and the packages of those with keys).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cryptoflow.simulator.keys import address_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from cryptoflow.simulator.limits import Spent, Window
    from cryptoflow.simulator.responses import SimResponse
    from cryptoflow.simulator.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Who asks and under which plan. A `refusal` here has nothing to do with limits: a bad key, a missing header."""

    plan: str
    user: str
    refusal: SimResponse | None = None
    costs: Mapping[Window, int] | None = None


class Admit(Protocol):
    """Recognises the asker of a request; `prefix` is the path prefix that was used."""

    def __call__(self, request: Request, world: World, *, prefix: str) -> Admission: ...


Refuse = Callable[["World", Admission, "Spent | None"], "SimResponse"]
"""The words of a refusal. `Spent` says which window is spent; None stands for the fault `http_429`."""

Headers = Callable[["World", "Spent"], "dict[str, str]"]
Settle = Callable[["World", Admission, "SimResponse"], "SimResponse"]


def admit_by_address(request: Request, world: World, *, prefix: str) -> Admission:
    """No keys: every address has the one plan `ip`."""
    del world, prefix
    return Admission(plan="ip", user=address_of(request))


def no_headers(world: World, spent: Spent) -> dict[str, str]:
    """No header tells of limits."""
    del world, spent
    return {}


def no_settling(world: World, admission: Admission, answer: SimResponse) -> SimResponse:
    """The answer changes neither the cost nor itself."""
    del world, admission
    return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How one provider deals with askers."""

    refuse: Refuse
    admit: Admit = admit_by_address
    headers: Headers = no_headers
    settle: Settle = no_settling
    etag: bool = False
    """Whether answers carry an ETag and `If-None-Match` is honoured."""
    trailing_slash: bool = False
    """Whether a path may end in a slash that means nothing."""
