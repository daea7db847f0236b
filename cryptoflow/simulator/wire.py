"""Cutting a TCP connection in the middle of an answer, which an ASGI application cannot do by itself.

What belongs here: the response that stops half-way, and the HTTP protocol that knows the sockets.
What does not: when (middleware.py).
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING

from starlette.responses import Response
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import h11
    from starlette.types import Receive, Scope, Send

Address = tuple[str, int]
FLUSH_SECONDS = 0.02


class Connections:
    """The open connections of one server by client address."""

    def __init__(self) -> None:
        self._transports: dict[Address, asyncio.Transport] = {}

    def opened(self, client: Address | None, transport: asyncio.Transport) -> None:
        """A client has connected."""
        if client is not None:
            self._transports[client] = transport

    def closed(self, client: Address | None) -> None:
        """A client's connection has ended."""
        if client is not None:
            self._transports.pop(client, None)

    def reset(self, client: Address | None) -> bool:
        """Cut the client's connection with a TCP reset. False: the connection is not known."""
        transport = None if client is None else self._transports.pop(client, None)
        if transport is None:
            return False
        raw = transport.get_extra_info("socket")
        if raw is not None:
            # Zero linger turns the close into a reset; the bytes sent before stay readable for the client.
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        return True


def protocol_for(connections: Connections) -> type[H11Protocol]:
    """An HTTP protocol for uvicorn that reports its connections."""

    class ReportingProtocol(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            connections.opened(self.client, transport)

        def handle_websocket_upgrade(self, event: h11.Request) -> None:
            # From here on another protocol owns the connection, and this one will not hear of its end.
            connections.closed(self.client)
            super().handle_websocket_upgrade(event)

        def connection_lost(self, exc: Exception | None) -> None:
            connections.closed(self.client)
            super().connection_lost(exc)

    return ReportingProtocol


class CutResponse(Response):
    """States its full length, sends half of it, and cuts the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body[: len(self.body) // 2])
        await send({"type": "http.response.body", "body": half, "more_body": True})
        await asyncio.sleep(FLUSH_SECONDS)
        client = scope.get("client")
        connections: Connections = scope["app"].state.connections
        connections.reset((client[0], client[1]) if client else None)
