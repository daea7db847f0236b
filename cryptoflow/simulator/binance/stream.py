"""Websocket connections to the streams: raw (`/ws`, `/ws/NAME`) and combined (`/stream?streams=A/B`).

A connection tells what happened in simulated time while it was open, batch by batch; a client that is away misses it.
It lives for 24 simulated hours, announces its end ten minutes ahead with `serverShutdown`, and takes SUBSCRIBE,
UNSUBSCRIBE and LIST_SUBSCRIPTIONS. The faults ws_drop, ws_out_of_order and ws_duplicates are drawn per message.

What does not belong here: messages (feed.py), the limit on new connections (the provider
middleware), pings (the server).
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from cryptoflow.simulator.binance.feed import Stream, StreamMessage, messages_between, parse_stream
from cryptoflow.simulator.binance.venue import now_us, venue_of
from cryptoflow.simulator.disturbance import Disturbance, serve_until_one_ends
from cryptoflow.simulator.market.trades import DAY_US, MINUTE_US
from cryptoflow.simulator.responses import encode_json

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from cryptoflow.simulator.world import World

PROVIDER = "binance_stream"
BATCH_SECONDS = 0.1
MAX_STREAMS = 1_024
MAX_COMMANDS_PER_SECOND = 5
LIFE_US = DAY_US
FAREWELL_US = 10 * MINUTE_US
# When simulated time leaps, this much of it is told; what was before is as lost as during an outage.
CATCH_UP_US = 60 * MINUTE_US
_GOING_AWAY = 1001
_POLICY_VIOLATION = 1008


class StreamConnection:
    """One connection."""

    def __init__(self, websocket: WebSocket, world: World, *, names: list[str], combined: bool) -> None:
        self._websocket = websocket
        self._world = world
        self._combined = combined
        self._unit_us = 1 if websocket.query_params.get("timeUnit", "").upper().startswith("MICRO") else 1000
        self._streams: dict[str, Stream] = {s.name: s for name in names if (s := parse_stream(name)) is not None}
        self._sending = asyncio.Lock()
        self._commands: deque[float] = deque(maxlen=MAX_COMMANDS_PER_SECOND + 1)
        self._disturbance: Disturbance[StreamMessage] = Disturbance(world.faults, provider=PROVIDER)

    async def run(self) -> None:
        """Serve until the client goes, the life is over, or a fault cuts it."""
        await self._websocket.accept()
        await serve_until_one_ends(self._tell(), self._listen())

    # Telling ----------------------------------------------------------------------------------------------------

    async def _tell(self) -> None:
        opened_us = told_us = now_us(self._world)
        announced = False
        while True:
            await asyncio.sleep(BATCH_SECONDS)
            now = now_us(self._world)
            if now <= told_us:
                # A frozen clock says nothing new; one that was set back starts anew from there.
                opened_us, told_us = min(opened_us, now), now
                for message in self._disturbance.held_back():
                    await self._send_message(message)
                continue
            await self._send_batch(max(told_us, now - CATCH_UP_US), now)
            told_us = now
            if not announced and now >= opened_us + LIFE_US - FAREWELL_US:
                await self._send({"e": "serverShutdown", "E": now // self._unit_us})
                announced = True
            if now >= opened_us + LIFE_US:
                await self._websocket.close(_GOING_AWAY, "The connection has reached its longest life.")
                return

    async def _send_batch(self, after_us: int, until_us: int) -> None:
        streams = list(self._streams.values())
        if not streams:
            return
        batch = await run_in_threadpool(
            messages_between,
            venue_of(self._world.market),
            streams,
            after_us=after_us,
            until_us=until_us,
            unit_us=self._unit_us,
        )
        for message in batch:
            for one in self._disturbance.of(message):
                await self._send_message(one)

    async def _send_message(self, message: StreamMessage) -> None:
        if message.stream not in self._streams:
            return
        payload = {"stream": message.stream, "data": message.payload} if self._combined else message.payload
        await self._send(payload)

    async def _send(self, body: object) -> None:
        async with self._sending:
            await self._websocket.send_text(encode_json(body).decode())

    # Listening --------------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            text = await self._websocket.receive_text()
            self._commands.append(loop.time())
            if len(self._commands) > MAX_COMMANDS_PER_SECOND and self._commands[-1] - self._commands[0] < 1.0:
                await self._websocket.close(_POLICY_VIOLATION, "Too many requests")
                return
            await self._send(self._obey(text))

    def _obey(self, text: str) -> dict[str, object]:
        try:
            command = json.loads(text)
        except ValueError:
            return _refusal(3, "Invalid JSON: expected value at line 1 column 1", None)
        if not isinstance(command, dict):
            return _refusal(2, "Invalid request: request must be an object", None)
        number, method, params = command.get("id"), command.get("method"), command.get("params", [])
        if method == "LIST_SUBSCRIPTIONS":
            return {"result": list(self._streams), "id": number}
        if method not in ("SUBSCRIBE", "UNSUBSCRIBE"):
            return _refusal(2, f"Invalid request: unknown method {method!r}", number)
        if not isinstance(params, list) or not all(isinstance(name, str) for name in params):
            return _refusal(1, "Invalid value type: expected a list of names in params", number)
        if method == "UNSUBSCRIBE":
            for name in params:
                self._streams.pop(name, None)
            return {"result": None, "id": number}
        return self._subscribe(params, number)

    def _subscribe(self, names: list[str], number: object) -> dict[str, object]:
        streams = [parse_stream(name) for name in names]
        wrong = [name for name, stream in zip(names, streams, strict=True) if stream is None]
        if wrong:
            return _refusal(2, f"Invalid request: unknown stream {wrong[0]}", number)
        wanted = self._streams | {stream.name: stream for stream in streams if stream is not None}
        if len(wanted) > MAX_STREAMS:
            return _refusal(2, f"Invalid request: more than {MAX_STREAMS} streams on one connection", number)
        self._streams = wanted
        return {"result": None, "id": number}


def _refusal(code: int, message: str, number: object) -> dict[str, object]:
    return {"error": {"code": code, "msg": message}, "id": number}


def routes(world: World) -> list[BaseRoute]:
    """The raw and the combined entrance."""

    async def raw(websocket: WebSocket) -> None:
        name = websocket.path_params.get("name")
        await StreamConnection(websocket, world, names=[name] if name else [], combined=False).run()

    async def combined(websocket: WebSocket) -> None:
        names = [name for name in websocket.query_params.get("streams", "").split("/") if name]
        await StreamConnection(websocket, world, names=names[:MAX_STREAMS], combined=True).run()

    return [WebSocketRoute("/ws", raw), WebSocketRoute("/ws/{name}", raw), WebSocketRoute("/stream", combined)]
