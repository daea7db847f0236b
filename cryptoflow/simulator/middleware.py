"""What stands between a client and a simulated provider: connection faults, admission, limits, body faults, the wire.

Order: late or hanging connection, key, faults that replace the answer, limits, the provider's own answer, faults in the
body, faults in the bytes. What does not belong here: which faults and limits exist (faults.py, limits.py), what a body
fault does (damage.py), any provider's words (policies.py).
"""

from __future__ import annotations

import asyncio
import hashlib
from email.utils import formatdate
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from cryptoflow.simulator.damage import BodyMemory, damage_body
from cryptoflow.simulator.keys import masked
from cryptoflow.simulator.limits import Spent
from cryptoflow.simulator.policies import policy_of
from cryptoflow.simulator.policy import Admission
from cryptoflow.simulator.responses import FINISH_KEY, SimResponse, content_of
from cryptoflow.simulator.wire import CutResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from cryptoflow.simulator.faults import Fault, Strike
    from cryptoflow.simulator.world import World

POLL_SECONDS = 0.05
SERVER_ERRORS = (500, 502, 503, 504)
SHOWN_HEADERS = ("user-agent", "accept", "accept-encoding", "if-none-match")
SECRET_HEADERS = ("authorization", "x-cg-demo-api-key", "x-cg-pro-api-key", "x-cmc_pro_api_key")
SECRET_PARAMS = ("x_cg_demo_api_key", "x_cg_pro_api_key", "CMC_PRO_API_KEY", "apikey")
PROXY_PAGE = (
    "<!DOCTYPE html>\n<html><head><title>Just a moment</title></head>"
    "<body><h1>One more step</h1><p>The request is being checked. Error 1020.</p></body></html>\n"
)


class Gone(Exception):
    """The client has left before there was an answer."""


class ProviderMiddleware:
    """Everything of one provider (under one path prefix) goes through one of these."""

    def __init__(self, app: ASGIApp, *, world: World, provider: str, prefix: str, memory: BodyMemory) -> None:
        self._app = app
        self._world = world
        self._provider = provider
        self._prefix = prefix
        self._memory = memory
        self._policy = policy_of(provider)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _Exchange(self, scope, receive, send).run()
        elif scope["type"] == "websocket":
            await self._stream(scope, receive, send)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        world, client = self._world, scope.get("client")
        user = client[0] if client else "unknown"
        spent = world.limits.take(provider=self._provider, plan="ip", user=user, now=world.clock.now())
        world.traffic.record(
            at=world.clock.now(),
            provider=self._provider,
            method="WEBSOCKET",
            route=scope["path"],
            path=scope["path"],
            query=scope["query_string"].decode(),
            status=101 if spent.exceeded is None else 403,
        )
        if spent.exceeded is None:
            await self._app(scope, receive, send)
        else:
            # Closed before it was accepted: the client sees the handshake refused with HTTP 403.
            await receive()
            await send({"type": "websocket.close", "code": 1008})


class _Exchange:
    """One request and its answer."""

    def __init__(self, owner: ProviderMiddleware, scope: Scope, receive: Receive, send: Send) -> None:
        self._owner = owner
        self._world = owner._world
        self._provider = owner._provider
        self._policy = owner._policy
        self._scope = scope
        self._receive = receive
        self._send = send
        self._pending: list[Message] = []
        self._status = 0
        self._hits: list[str] = []
        self._admission = Admission(plan="", user="")
        self._spent = Spent(usages=(), exceeded=None, refused=0)

    async def run(self) -> None:
        scope = self._scope
        if self._policy.trailing_slash and len(scope["path"]) > len(self._owner._prefix) + 2:
            scope["path"] = scope["path"].rstrip("/")
        request = Request(scope, self._replay)
        try:
            await self._hold_connection()
            early = self._early_answer(request)
            if early is not None:
                await self._finish(request, early)(scope, self._replay, self._watch)
            else:
                await self._ask_provider(request)
        except Gone:
            pass
        finally:
            self._record(request)

    async def _ask_provider(self, request: Request) -> None:
        self._scope[FINISH_KEY] = lambda inner, answer: self._finish(
            inner, self._policy.settle(self._world, self._admission, answer), damage=True
        )
        try:
            await self._owner._app(self._scope, self._replay, self._watch)
        except HTTPException as error:
            answer = SimResponse(body={"error": error.detail}, status=error.status_code)
            answer = self._policy.settle(self._world, self._admission, answer)
            await self._finish(request, answer)(self._scope, self._replay, self._watch)

    def _early_answer(self, request: Request) -> SimResponse | None:
        world, provider = self._world, self._provider
        self._admission = self._policy.admit(request, world, prefix=self._owner._prefix)
        for strike in world.faults.strikes("answer", provider):
            self._hits.append(strike.fault.name)
            return self._replaced_answer(strike)
        if self._admission.refusal is not None:
            return self._admission.refusal
        self._spent = world.limits.take(
            provider=provider,
            plan=self._admission.plan,
            user=self._admission.user,
            now=world.clock.now(),
            costs=self._admission.costs,
        )
        return None if self._spent.exceeded is None else self._policy.refuse(world, self._admission, self._spent)

    def _replaced_answer(self, strike: Strike) -> SimResponse:
        if strike.fault.name == "http_429":
            return self._policy.refuse(self._world, self._admission, None)
        if strike.fault.name == "html_for_json":
            return SimResponse(text=PROXY_PAGE, media_type="text/html")
        status = int(strike.fault.amount or 0) or strike.rng.choice(SERVER_ERRORS)
        page = f"<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>\n"
        return SimResponse(text=page, media_type="text/html", status=status)

    def _finish(self, request: Request, answer: SimResponse, *, damage: bool = False) -> Response:
        content = content_of(answer)
        if damage and answer.text is None:
            content = self._damaged(request, answer, content)
        headers = {
            **self._policy.headers(self._world, self._spent),
            **answer.headers,
            "date": formatdate(self._world.clock.now() + self._skew_seconds(), usegmt=True),
        }
        if self._policy.etag and answer.status == 200:
            # The tag is over what is really sent, so that damaged and sound answers never share one.
            headers.setdefault("etag", f'W/"{hashlib.sha1(content, usedforsecurity=False).hexdigest()}"')
            if request.headers.get("if-none-match") == headers["etag"]:
                return Response(status_code=304, headers=headers)
        return self._on_the_wire(content, answer, headers)

    def _damaged(self, request: Request, answer: SimResponse, content: bytes) -> bytes:
        faults, provider = self._world.faults, self._provider
        strikes = faults.strikes("body", provider)
        if not strikes:
            return content
        self._owner._memory.forget_all_but({fault.serial for fault in faults.active()})
        content, names = damage_body(
            content,
            shape=answer.shape,
            strikes=strikes,
            path=request.url.path,
            query=request.query_params,
            memory=self._owner._memory,
            now=self._world.clock.now(),
        )
        self._hits.extend(names)
        return content

    def _on_the_wire(self, content: bytes, answer: SimResponse, headers: dict[str, str]) -> Response:
        for strike in self._world.faults.strikes("bytes", self._provider):
            if len(content) < 2:
                break
            self._hits.append(strike.fault.name)
            if strike.fault.name == "reset_mid_body":
                return CutResponse(content, status_code=answer.status, headers=headers, media_type=answer.media_type)
            content = content[: max(1, int(len(content) * strike.rng.uniform(0.2, 0.9)))]
        return Response(content, status_code=answer.status, headers=headers, media_type=answer.media_type)

    def _skew_seconds(self) -> float:
        skews = (
            fault.amount or 0.0 for fault in self._world.faults.active(self._provider) if fault.name == "clock_skew"
        )
        return sum(skews)

    async def _hold_connection(self) -> None:
        for strike in self._world.faults.strikes("connection", self._provider):
            self._hits.append(strike.fault.name)
            seconds = strike.fault.amount if strike.fault.name == "latency" else None
            await self._hold(strike.fault, seconds)

    async def _hold(self, fault: Fault, seconds: float | None) -> None:
        """Wait, listening whether the client leaves, until the time is over or the fault ends."""
        loop = asyncio.get_running_loop()
        until = None if seconds is None else loop.time() + seconds
        while self._world.faults.is_active(fault):
            rest = POLL_SECONDS if until is None else min(POLL_SECONDS, until - loop.time())
            if rest <= 0:
                return
            await self._listen(rest)

    async def _listen(self, seconds: float) -> None:
        try:
            message = await asyncio.wait_for(self._receive(), seconds)
        except TimeoutError:
            return
        if message["type"] == "http.disconnect":
            raise Gone
        self._pending.append(message)

    async def _replay(self) -> Message:
        """What was heard while holding comes first."""
        return self._pending.pop(0) if self._pending else await self._receive()

    async def _watch(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
        await self._send(message)

    def _record(self, request: Request) -> None:
        route = self._scope.get("route")
        self._world.traffic.record(
            at=self._world.clock.now(),
            provider=self._provider,
            method=request.method,
            route=getattr(route, "path", None) or request.url.path,
            path=request.url.path,
            query="&".join(
                f"{name}={masked(value) if name in SECRET_PARAMS else value}"
                for name, value in request.query_params.multi_items()
            ),
            status=self._status,
            plan=self._admission.plan,
            faults=tuple(self._hits),
            headers=_shown_headers(request),
        )


def _shown_headers(request: Request) -> dict[str, str]:
    shown = {name: request.headers[name] for name in SHOWN_HEADERS if name in request.headers}
    secret = {name: masked(request.headers[name]) for name in SECRET_HEADERS if name in request.headers}
    return {**shown, **secret}
