"""What a simulated route answers, before limits and faults have had their say.

A route handler is `(Request, World) -> SimResponse` (or an awaitable of it) and is made a Starlette route by
`endpoint`. The handler only tells the truth; the provider middleware may then delay, limit, damage or cut it.
Handlers run on the event loop: one that may take longer than some 50 ms is `async` and moves its work into a thread.

What does not belong here: faults (faults.py), limits (limits.py), how bytes travel (middleware.py).
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

    from cryptoflow.simulator.world import World

FINISH_KEY = "cryptoflow.finish"
"""Scope key under which the provider middleware leaves `(Request, SimResponse) -> Response | Awaitable[Response]`."""

Key = str | int
"""One step into a JSON body: a member name or a list position."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Where things are in a JSON body, so that faults know what to hit. Keys may be dotted: `quote.USD.price`."""

    rows: tuple[Key, ...] | None = None
    """Path to the rows (a list, or an object of rows); `()`: the body itself; None: the body is one row."""
    id_key: Key | None = None
    price_keys: tuple[Key, ...] = ()
    time_keys: tuple[Key, ...] = ()
    volume_keys: tuple[Key, ...] = ()
    series: bool = False
    """Whether the rows are instants of one thing (a history), not many things at one instant."""
    page_param: str | None = None
    """Name of the query parameter that pages, for missing and repeated pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimResponse:
    """An answer. Either `body` (written as JSON) or `text` (sent as it is)."""

    body: object = None
    """JSON-able: dict, list, str, int, float, bool, None, Decimal (written as a number with its own digits)."""
    text: str | bytes | None = None
    media_type: str = "application/json"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    shape: Shape = Shape()


Handler = Callable[["Request", "World"], SimResponse | Awaitable[SimResponse]]

_ENCODER = msgspec.json.Encoder(decimal_format="number")


def encode_json(body: object) -> bytes:
    """The body as JSON bytes. A `msgspec.Raw` inside is written as it is."""
    return _ENCODER.encode(body)


def content_of(answer: SimResponse) -> bytes:
    """The bytes that an answer would send when nothing interferes."""
    if answer.text is None:
        return encode_json(answer.body)
    return answer.text if isinstance(answer.text, bytes) else answer.text.encode()


def render(answer: SimResponse) -> Response:
    """The answer as it is, without limits or faults."""
    return Response(
        content_of(answer),
        status_code=answer.status,
        headers=dict(answer.headers),
        media_type=answer.media_type,
    )


def endpoint(path: str, handler: Handler, *, methods: Sequence[str] = ("GET",)) -> Route:
    """A route for `handler`. The world is the application's: `request.app.state.world`."""

    async def run(request: Request) -> Response:
        world: World = request.app.state.world
        outcome = handler(request, world)
        answer: SimResponse = await outcome if inspect.isawaitable(outcome) else outcome
        finish: Any = request.scope.get(FINISH_KEY, None)
        if finish is None:
            return render(answer)
        response = finish(request, answer)
        return await response if inspect.isawaitable(response) else response  # type: ignore[no-any-return]

    run.__name__ = getattr(handler, "__name__", "run")
    return Route(path, run, methods=list(methods))
