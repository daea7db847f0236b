"""The simulator as a process (`python -m cryptoflow.simulator.server`) and as a thread for tests.

What belongs here: uvicorn, ports, signals. What does not: the application (app.py).
"""

from __future__ import annotations

import argparse
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

import uvicorn

from cryptoflow.errors import PermanentError, UsageError
from cryptoflow.simulator.app import make_app
from cryptoflow.simulator.clock import SimClock
from cryptoflow.simulator.wire import Connections, protocol_for
from cryptoflow.simulator.world import World, make_world

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8900
STOP_SECONDS = 2
START_SECONDS = 30.0
KEEP_ALIVE_SECONDS = 30


class _Server(uvicorn.Server):
    """Stops at once and cleanly: no fault delays the end, and a signal that was obeyed is not raised again."""

    def __init__(self, config: uvicorn.Config, world: World) -> None:
        super().__init__(config)
        self._world = world

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._world.faults.clear()
        await super().shutdown(sockets)


def _make_server(world: World, *, host: str, port: int, log_level: str) -> _Server:
    connections = Connections()
    config = uvicorn.Config(
        make_app(world, connections=connections),
        host=host,
        port=port,
        log_level=log_level,
        access_log=False,
        # The date is that of the simulated clock; the middleware writes it.
        date_header=False,
        server_header=False,
        http=protocol_for(connections),
        lifespan="off",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    return _Server(config, world)


class SimulatorServer:
    """A simulator on a free port, in a thread of this process; `world` may be changed while it runs.

    with SimulatorServer(asset_count=30) as simulator:
        httpx.get(f"{simulator.url}/coingecko/api/v3/ping")
    """

    def __init__(self, *, seed: int = 1, asset_count: int = 30, world: World | None = None) -> None:
        self.world = world or make_world(seed=seed, asset_count=asset_count)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._server = _make_server(self.world, host=DEFAULT_HOST, port=0, log_level="critical")
        self._thread = threading.Thread(target=self._run, name="simulator", daemon=True)
        self.url = ""

    def __enter__(self) -> SimulatorServer:
        self._socket.bind((DEFAULT_HOST, 0))
        self.url = f"http://{DEFAULT_HOST}:{self._socket.getsockname()[1]}"
        self._thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise PermanentError("The simulator did not start.", cure="Run it in the foreground to see why.")
            time.sleep(0.005)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=STOP_SECONDS + 10)
        self._socket.close()

    @property
    def websocket_url(self) -> str:
        """The base URL of websockets."""
        return self.url.replace("http", "ws", 1)

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])


def serve(*, host: str, port: int, asset_count: int, seed: int, speed: float = 1.0) -> None:
    """Run in the foreground until SIGTERM or Ctrl-C."""
    _check_port(host, port)
    world = make_world(seed=seed, asset_count=asset_count, clock=SimClock(speed=speed))
    _make_server(world, host=host, port=port, log_level="warning").run()


def _check_port(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UsageError(
                f"The simulator cannot listen on {host}:{port}: {error.strerror}.",
                cure="Choose another with --port, or stop what holds it.",
            ) from None


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line of the process; the exit code."""
    parser = argparse.ArgumentParser(prog="cryptoflow.simulator.server", description="Run the simulated providers.")
    parser.add_argument("--host", default=DEFAULT_HOST)
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    parser.add_argument("--assets", type=int, default=250)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", type=float, default=1.0)
    options = parser.parse_args(arguments)
    try:
        serve(host=options.host, port=options.port, asset_count=options.assets, seed=options.seed, speed=options.speed)
    except UsageError as error:
        parser.exit(2, f"{error}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
