"""The websocket feed: `subscribe` and `unsubscribe`, the channels `matches` and `heartbeat`.

A client that has not subscribed within five seconds is sent away. On subscribing to `matches` each product's last trade
comes as `last_match`; then every trade in the order of time, and a heartbeat once a second at most. A client that is
away misses what happens meanwhile.

What does not belong here: names and numbers (venue.py), the limit on connections (the provider middleware).
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from cryptoflow.simulator.coinbase.venue import FIRST_TRADE_ID, Venue, iso, trade_rows, venue_of
from cryptoflow.simulator.disturbance import Disturbance, serve_until_one_ends
from cryptoflow.simulator.market.trades import MICROS, MINUTE_US, fill, first_trade_id
from cryptoflow.simulator.responses import encode_json

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from cryptoflow.simulator.world import World

PROVIDER = "coinbase_stream"
BATCH_SECONDS = 0.1
SUBSCRIBE_WITHIN_SECONDS = 5.0
CHANNELS = ("matches", "heartbeat")
# When simulated time leaps, this much of it is told; what was before is as lost as during an outage.
CATCH_UP_US = 60 * MINUTE_US
_POLICY_VIOLATION = 1008


class FeedConnection:
    """One connection."""

    def __init__(self, websocket: WebSocket, world: World) -> None:
        self._websocket = websocket
        self._world = world
        self._wanted: dict[str, set[str]] = {channel: set() for channel in CHANNELS}
        self._sending = asyncio.Lock()
        self._disturbance: Disturbance[dict[str, object]] = Disturbance(world.faults, provider=PROVIDER)
        self._subscribed = asyncio.Event()
        self._told_us = 0

    async def run(self) -> None:
        """Serve until the client goes, or a fault cuts the connection."""
        await self._websocket.accept()
        await serve_until_one_ends(self._tell(), self._listen())

    # Telling ----------------------------------------------------------------------------------------------------

    async def _tell(self) -> None:
        try:
            await asyncio.wait_for(self._subscribed.wait(), SUBSCRIBE_WITHIN_SECONDS)
        except TimeoutError:
            await self._websocket.close(_POLICY_VIOLATION, "No subscribe within 5 seconds.")
            return
        while True:
            await asyncio.sleep(BATCH_SECONDS)
            now = self._now_us()
            if now <= self._told_us:
                for message in self._disturbance.held_back():
                    await self._send(message)
                continue
            after = max(self._told_us, now - CATCH_UP_US)
            self._told_us = now
            await self._send_batch(after, now)

    async def _send_batch(self, after_us: int, until_us: int) -> None:
        venue = venue_of(self._world.market)
        names = sorted(self._wanted["matches"])
        for message in await run_in_threadpool(_matches, venue, names, after_us=after_us, until_us=until_us):
            for one in self._disturbance.of(message):
                await self._send(one)
        if until_us // MICROS > after_us // MICROS:
            for name in sorted(self._wanted["heartbeat"]):
                await self._send(_heartbeat(venue, name, until_us))

    async def _send(self, body: object) -> None:
        async with self._sending:
            await self._websocket.send_text(encode_json(body).decode())

    def _now_us(self) -> int:
        return int(self._world.clock.now() * MICROS)

    # Listening --------------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        while True:
            text = await self._websocket.receive_text()
            try:
                order = json.loads(text)
            except ValueError:
                order = None
            if not isinstance(order, dict) or order.get("type") not in ("subscribe", "unsubscribe"):
                await self._send({"type": "error", "message": "Malformed JSON", "reason": "unknown message"})
                continue
            await self._obey(order)

    async def _obey(self, order: dict[str, object]) -> None:
        venue, at = venue_of(self._world.market), self._world.clock.now()
        channels, products = order.get("channels"), order.get("product_ids") or []
        if not isinstance(channels, list) or not isinstance(products, list):
            await self._send({"type": "error", "message": "Failed to subscribe", "reason": "channels are missing"})
            return
        for channel in channels:
            name, ids = (channel.get("name"), channel.get("product_ids")) if isinstance(channel, dict) else (channel, 0)
            wanted = ids if isinstance(ids, list) else products
            unknown = [one for one in wanted if venue.find(str(one), at) is None]
            if name not in CHANNELS or unknown:
                reason = f"{unknown[0]} is not a valid product" if unknown else f"{name} is not a valid channel"
                await self._send({"type": "error", "message": "Failed to subscribe", "reason": reason})
                return
            await self._change(str(name), {str(one) for one in wanted}, joins=order["type"] == "subscribe")
        told = [{"name": name, "product_ids": sorted(ids)} for name, ids in self._wanted.items() if ids]
        await self._send({"type": "subscriptions", "channels": told})
        if not self._subscribed.is_set():
            self._subscribed.set()

    async def _change(self, channel: str, products: set[str], *, joins: bool) -> None:
        now = self._now_us()
        self._told_us = self._told_us or now
        joining = sorted(products - self._wanted[channel]) if joins else []
        self._wanted[channel] = self._wanted[channel] | products if joins else self._wanted[channel] - products
        if channel == "matches":
            venue = venue_of(self._world.market)
            for name in joining:
                pair = venue.products[name]
                last = await run_in_threadpool(venue.newest_trades, pair, limit=1, until_us=self._told_us)
                for row in trade_rows(pair, last):
                    await self._send({"type": "last_match", "product_id": name, **row})


def _matches(venue: Venue, names: list[str], *, after_us: int, until_us: int) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for name in names:
        pair = venue.products[name]
        trades = fill(venue.tape.between(pair, after_us + 1, until_us + 1))
        rows = trade_rows(pair, trades)
        rows.reverse()
        found += [{"type": "match", "product_id": name, "sequence": row["trade_id"], **row} for row in rows]
    return sorted(found, key=lambda message: (str(message["time"]), int(str(message["trade_id"]))))


def _heartbeat(venue: Venue, name: str, at_us: int) -> dict[str, object]:
    pair = venue.products[name]
    last = first_trade_id(venue.tape.next_order_id(pair, at_us)) - 1 + FIRST_TRADE_ID
    return {"type": "heartbeat", "product_id": name, "sequence": last, "last_trade_id": last, "time": iso(at_us)}


def routes(world: World) -> list[BaseRoute]:
    """The one entrance."""

    async def feed(websocket: WebSocket) -> None:
        await FeedConnection(websocket, world).run()

    return [WebSocketRoute("/", feed)]
