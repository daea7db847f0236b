"""A tiny HTTP server that sends exactly the bytes it is told to, one reply per request, and breaks off as it is told.

For what a well-behaved server cannot be made to do. The last reply is repeated.
"""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.client import parse_headers
from io import BytesIO
from typing import Literal

End = Literal["close", "reset", "hang"]


@dataclass(frozen=True, slots=True)
class Reply:
    """Bytes, sent in parts with a pause between them, and how the connection ends."""

    parts: Sequence[bytes]
    pause_seconds: float = 0.0
    end: End = "close"


def reply(status: int = 200, body: bytes = b"[]", *, length: int | None = None, **headers: str) -> Reply:
    """A complete reply; `length` states another length than the true one."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body) if length is None else length}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return Reply(["\r\n".join(lines).encode() + b"\r\n\r\n" + body])


@dataclass
class ScriptedServer:
    """What is running: its address, what it will say, what it was asked."""

    url: str = ""
    replies: list[Reply] = field(default_factory=list)
    requests: list[tuple[str, Message]] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def say(self, *replies: Reply) -> None:
        """From now on, these replies."""
        with self.lock:
            self.replies = list(replies)

    def next_reply(self) -> Reply:
        """The next reply; the last one stays."""
        with self.lock:
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


@contextmanager
def running() -> Iterator[ScriptedServer]:
    """A server on a free port of loopback."""
    script = ScriptedServer()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            line = self.rfile.readline().decode()
            if not line:
                return
            head = b"".join(iter(self.rfile.readline, b"\r\n"))
            script.requests.append((line.split()[1], parse_headers(BytesIO(head + b"\r\n"))))
            _send(self.request, script.next_reply(), script.stopping)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = False
        block_on_close = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that went away early is part of the game."""

    with Server(("127.0.0.1", 0), Handler) as server:
        script.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield script
        finally:
            script.stopping.set()
            server.shutdown()
            thread.join()


def _send(connection: socket.socket, answer: Reply, stopping: threading.Event) -> None:
    for number, part in enumerate(answer.parts):
        if number:
            stopping.wait(answer.pause_seconds)
        connection.sendall(part)
    if answer.end == "hang":
        stopping.wait(30)
    if answer.end == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
