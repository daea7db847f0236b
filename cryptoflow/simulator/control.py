"""The control plane under `/_control`: clock, faults, limits, state, and the requests that were seen.

What belongs here: HTTP in and out of the control verbs.
What does not: what the verbs do (clock.py, faults.py, limits.py).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from cryptoflow.errors import CryptoflowError
from cryptoflow.simulator.faults import describe_faults
from cryptoflow.simulator.providers import PROVIDER_NAMES, check_provider

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from cryptoflow.simulator.faults import Fault
    from cryptoflow.simulator.world import World


class ClockOrder(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Body of `POST /_control/clock`."""

    now: float | None = None
    speed: float | None = None
    freeze: bool | None = None


class FaultOrder(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Body of `POST /_control/faults`."""

    name: str
    provider: str | None = None
    rate: float = 1.0
    for_seconds: float | None = None
    amount: float | None = None
    field: str | None = None


class LimitOrder(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Body of `POST /_control/limits`: a quota (null: none), or a reset of what was used."""

    provider: str | None = None
    plan: str | None = None
    window: str | None = None
    quota: int | None = None
    reset: bool = False


Order = TypeVar("Order", bound=msgspec.Struct)
Verb = Callable[["Request"], Awaitable[object]]


def control_routes(world: World) -> list[BaseRoute]:
    """The routes of the control plane over `world`."""

    async def health(_: Request) -> object:
        return {"status": "ok", "now": world.clock.now()}

    async def state(_: Request) -> object:
        return state_of(world)

    async def set_clock(request: Request) -> object:
        order = _read(await request.body(), ClockOrder)
        return dataclasses.asdict(world.clock.set(now=order.now, speed=order.speed, freeze=order.freeze))

    async def list_faults(_: Request) -> object:
        return {
            "active": [fault_view(world, fault) for fault in world.faults.active()],
            "known": [{"name": name, "description": text} for name, text in describe_faults()],
        }

    async def add_fault(request: Request) -> object:
        order = _read(await request.body(), FaultOrder)
        fault = world.faults.add(
            order.name,
            provider=order.provider,
            rate=order.rate,
            for_seconds=order.for_seconds,
            amount=order.amount,
            field=order.field,
        )
        return fault_view(world, fault)

    async def clear_faults(request: Request) -> object:
        query = request.query_params
        return {"cleared": world.faults.clear(name=query.get("name"), provider=query.get("provider"))}

    async def set_limits(request: Request) -> object:
        order = _read(await request.body(), LimitOrder)
        _apply_limits(world, order)
        return world.limits.state(now=world.clock.now())

    async def requests(request: Request) -> object:
        provider = request.query_params.get("provider")
        if provider is not None:
            check_provider(provider)
        limit = _whole(request.query_params.get("limit", "100"))
        return {"requests": [dataclasses.asdict(seen) for seen in world.traffic.last(limit=limit, provider=provider)]}

    async def forget_requests(_: Request) -> object:
        world.traffic.clear()
        return {"status": "ok"}

    return [
        _route("/health", health, "GET"),
        _route("/state", state, "GET"),
        _route("/clock", set_clock, "POST"),
        _route("/faults", list_faults, "GET"),
        _route("/faults", add_fault, "POST"),
        _route("/faults", clear_faults, "DELETE"),
        _route("/limits", set_limits, "POST"),
        _route("/requests", requests, "GET"),
        _route("/requests", forget_requests, "DELETE"),
    ]


def state_of(world: World) -> dict[str, object]:
    """Everything there is to know about the running world."""
    clock = world.clock.state()
    return {
        "seed": world.seed,
        "clock": dataclasses.asdict(clock),
        "providers": list(PROVIDER_NAMES),
        "faults": [fault_view(world, fault) for fault in world.faults.active()],
        "limits": world.limits.state(now=clock.now),
        "requests": world.traffic.counts(),
    }


def fault_view(world: World, fault: Fault) -> dict[str, object]:
    """A fault as the control plane shows it."""
    return {
        "serial": fault.serial,
        "name": fault.name,
        "provider": fault.provider,
        "rate": fault.rate,
        "amount": fault.amount,
        "field": fault.field,
        "seconds_left": world.faults.seconds_left(fault),
    }


class _BadOrder(CryptoflowError):
    """The body or a parameter of a control request cannot be read."""


def _apply_limits(world: World, order: LimitOrder) -> None:
    if order.reset:
        world.limits.reset_usage(provider=order.provider)
        return
    if order.provider is None or order.plan is None or order.window is None:
        raise _BadOrder(
            "A quota needs a provider, a plan and a window.",
            cure='Send {"provider": "coingecko", "plan": "demo", "window": "month", "quota": 5}, or {"reset": true}.',
        )
    world.limits.set_quota(provider=order.provider, plan=order.plan, window=order.window, quota=order.quota)


def _read(content: bytes, kind: type[Order]) -> Order:
    try:
        return msgspec.json.decode(content or b"{}", type=kind)
    except msgspec.ValidationError as error:
        fields = ", ".join(kind.__struct_fields__)
        raise _BadOrder(f"The order cannot be read: {error}.", cure=f"Fields: {fields}.") from None
    except msgspec.DecodeError as error:
        raise _BadOrder(f"The order is not JSON: {error}.", cure="Send one JSON object.") from None


def _whole(text: str) -> int:
    if not text.isdigit():
        raise _BadOrder(f"{text!r} is not a number of requests.", cure="Give limit=100, for instance.")
    return int(text)


def _route(path: str, verb: Verb, method: str) -> Route:
    async def run(request: Request) -> Response:
        try:
            return _json(await verb(request))
        except CryptoflowError as error:
            return _json({"error": error.what, "cure": error.cure}, status=400)

    return Route(path, run, methods=[method])


def _json(body: Any, *, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status_code=status, media_type="application/json")
