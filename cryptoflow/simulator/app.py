"""The simulator as one ASGI application: every provider under its prefix, and the control plane.

What does not belong here: what a provider answers, how the server process runs (server.py).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Router

from cryptoflow.simulator.control import control_routes
from cryptoflow.simulator.damage import BodyMemory
from cryptoflow.simulator.middleware import ProviderMiddleware
from cryptoflow.simulator.nearest import did_you_mean
from cryptoflow.simulator.providers import ALIASES, PROVIDER_NAMES, ROUTE_FACTORIES
from cryptoflow.simulator.wire import Connections

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from cryptoflow.simulator.world import RouteFactory, World

CONTROL_PREFIX = "/_control"


def make_app(world: World, *, connections: Connections | None = None) -> ASGIApp:
    """The application over `world`. `connections` are those of the server that will run it."""
    memory = BodyMemory()
    mounts = [
        Mount(f"/{prefix}", app=_provider_app(world, provider=provider, prefix=prefix, memory=memory))
        for prefix, provider in {**{name: name for name in ROUTE_FACTORIES}, **ALIASES}.items()
    ]
    app = Starlette(
        routes=[Mount(CONTROL_PREFIX, routes=control_routes(world)), *mounts],
        exception_handlers={404: _not_found},
    )
    app.state.world = world
    app.state.connections = connections or Connections()
    bare_prefixes = frozenset(mount.path for mount in mounts)
    return _complete_prefix(app, bare_prefixes)


async def _not_found(request: Request, error: Exception) -> Response:
    """A path outside every provider: most likely a mistyped prefix."""
    del error
    prefix = request.url.path.split("/")[1]
    body = {
        "error": f"The simulator has nothing at {request.url.path}.",
        "cure": did_you_mean(prefix, (CONTROL_PREFIX[1:], *PROVIDER_NAMES, *ALIASES)),
    }
    return JSONResponse(body, status_code=404)


def _provider_app(world: World, *, provider: str, prefix: str, memory: BodyMemory) -> ASGIApp:
    module_name, function_name = ROUTE_FACTORIES[provider].split(":")
    factory = cast("RouteFactory", getattr(importlib.import_module(module_name), function_name))
    router = Router(factory(world), redirect_slashes=False)
    return ProviderMiddleware(router, world=world, provider=provider, prefix=prefix, memory=memory)


def _complete_prefix(app: ASGIApp, prefixes: frozenset[str]) -> ASGIApp:
    """`POST /solana` means `/solana/`: a mount would redirect it, which a JSON-RPC client does not follow."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("path") in prefixes:
            scope = {**scope, "path": scope["path"] + "/"}
        await app(scope, receive, send)

    return run
