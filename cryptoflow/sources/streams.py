"""One websocket connection: opened within its bounds, read one message at a time, every failure one of our errors.

A reader that is slow holds the connection back: no more than `HELD_MESSAGES` wait in this process, the rest waits at
the other end, which may then break off. What was missed meanwhile is fetched by number, so nothing is lost by that.

What does not belong here: what messages mean (one file per exchange), connecting anew (the collector).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from cryptoflow.sources.errors import Asked, ProviderTimeout, ProviderUnreachable

HELD_MESSAGES = 1_024
OPEN_SECONDS = 10.0
SILENCE_SECONDS = 60.0
"""A connection that says nothing for so long, not even a ping, is dead."""
_PING_SECONDS = 20.0
_LARGEST_MESSAGE_BYTES = 1 << 20
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Socket:
    """An open connection."""

    def __init__(self, connection: ClientConnection, asked: Asked) -> None:
        self._connection = connection
        self._asked = asked

    async def send(self, text: str) -> None:
        """Say something."""
        try:
            await self._connection.send(text)
        except ConnectionClosed as error:
            raise self._closed(error) from None

    async def messages(self) -> AsyncIterator[str | bytes]:
        """What the other side says, until it closes or falls silent; then the error."""
        while True:
            try:
                yield await self._connection.recv()
            except ConnectionClosed as error:
                raise self._closed(error) from None

    def _closed(self, error: ConnectionClosed) -> ProviderUnreachable:
        farewell = error.rcvd
        said = f"closed with {farewell.code} {farewell.reason}".rstrip() if farewell else "broke off without a farewell"
        return ProviderUnreachable(f"the stream {said}.", asked=self._asked)


@asynccontextmanager
async def open_socket(
    url: str, *, provider: str, endpoint: str, say: Sequence[str] = (), held_messages: int = HELD_MESSAGES
) -> AsyncIterator[Socket]:
    """Connect, say what must be said first, and close at the end of the block."""
    asked = Asked(provider=provider, endpoint=endpoint)
    local = urlsplit(url).hostname in _LOOPBACK
    try:
        connection = await connect(
            url,
            open_timeout=OPEN_SECONDS,
            close_timeout=2.0,
            ping_interval=_PING_SECONDS,
            ping_timeout=SILENCE_SECONDS,
            max_queue=held_messages,
            max_size=_LARGEST_MESSAGE_BYTES,
            # A proxy of the machine is for the world, not for a simulator on the machine itself.
            proxy=None if local else True,
        )
    except TimeoutError:
        raise ProviderTimeout(f"no connection within {OPEN_SECONDS:g} s.", asked=asked) from None
    except (OSError, InvalidHandshake, InvalidURI, EOFError) as error:
        raise ProviderUnreachable(f"no connection ({type(error).__name__}: {error}).", asked=asked) from None
    try:
        socket = Socket(connection, asked)
        for text in say:
            await socket.send(text)
        yield socket
    finally:
        # The close handshake is politeness; it must not hold up the end.
        try:
            await asyncio.wait_for(connection.close(), 3.0)
        except TimeoutError:
            connection.transport.abort()
