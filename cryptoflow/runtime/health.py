"""How to tell that a part is well: small probes that import nothing heavy and know their limits.

Each factory returns a check for a Part: None when well, else a short complaint; CannotTellError when another
part's trouble keeps it from looking.
What does not belong here: what follows from a complaint (supervisor).
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime

import grpc  # type: ignore[import-untyped]
import httpx
import psycopg
import redis

from cryptoflow.runtime.heartbeat import Heartbeat
from cryptoflow.runtime.part import CannotTellError, Check

_TIMEOUT_SECONDS = 5.0
_SERVER_ERROR = 500
_GRPC_HEALTH_METHOD = "/grpc.health.v1.Health/Check"
_GRPC_SERVING = b"\x08\x01"  # HealthCheckResponse { status: SERVING }
_ALLOWED_CLOCK_STEP_SECONDS = 1.0


def tcp(host: str, port: int, *, timeout_seconds: float = _TIMEOUT_SECONDS) -> Check:
    """Something accepts connections."""

    def check(_: float) -> str | None:
        try:
            with socket.create_connection((host, port), timeout=timeout_seconds):
                return None
        except OSError as error:
            return f"no connection to {host}:{port} ({error.strerror or error})"

    return check


def http(url: str, *, timeout_seconds: float = _TIMEOUT_SECONDS) -> Check:
    """GET answers with anything below 500."""

    def check(_: float) -> str | None:
        try:
            # Loopback: a proxy of the environment must not be asked.
            with httpx.Client(trust_env=False, timeout=timeout_seconds) as client:
                status = client.get(url).status_code
        except httpx.HTTPError as error:
            return f"no answer from {url} ({type(error).__name__})"
        return f"{url} answers {status}" if status >= _SERVER_ERROR else None

    return check


def ready(is_ready: Callable[[], bool], *, what: str) -> Check:
    """A server's own readiness test."""

    def check(_: float) -> str | None:
        return None if is_ready() else f"{what} does not answer"

    return check


def grpc_serving(host: str, port: int, *, service: str, timeout_seconds: float = _TIMEOUT_SECONDS) -> Check:
    """The standard gRPC health service says SERVING for a service."""
    # The one-field request and answer are written by hand: the generated classes would cost more than the call.
    request = b"\n" + bytes([len(service)]) + service.encode("ascii")

    def check(_: float) -> str | None:
        with grpc.insecure_channel(f"{host}:{port}", options=[("grpc.enable_http_proxy", 0)]) as channel:
            try:
                answer: bytes = channel.unary_unary(_GRPC_HEALTH_METHOD)(request, timeout=timeout_seconds)
            except grpc.RpcError as error:
                return f"no answer from {host}:{port} ({_grpc_code(error)})"
        return None if answer == _GRPC_SERVING else f"{service} at {host}:{port} is not serving"

    return check


def worker_beats(heartbeat: Heartbeat) -> Check:
    """The worker wrote its heartbeat lately. It is taken back before each start, so an old one does not count."""

    def check(_: float) -> str | None:
        try:
            return None if heartbeat.is_alive(heartbeat.worker) else "no heartbeat"
        except (redis.RedisError, OSError) as error:
            # The queue's own part reports that; a worker waits for it and needs no restart.
            raise CannotTellError(f"the queue does not answer ({type(error).__name__})") from error

    return check


def dagster_daemon(database_url: str, *, silent_after_seconds: float) -> Check:
    """Dagster's daemon threads leave heartbeats in its database; at least one is from this process, and fresh."""

    def check(started_at: float) -> str | None:
        try:
            with psycopg.connect(database_url, connect_timeout=int(_TIMEOUT_SECONDS)) as connection:
                row = connection.execute("SELECT max(timestamp) FROM daemon_heartbeats", prepare=False).fetchone()
        except psycopg.errors.UndefinedTable:
            return "no heartbeat"
        except psycopg.Error as error:
            # The database's own part reports that; the daemon waits for it and needs no restart.
            raise CannotTellError(f"the database does not answer ({error})") from error
        latest = row[0] if row else None
        if latest is None:
            return "no heartbeat"
        return daemon_complaint(
            latest.replace(tzinfo=UTC).timestamp() if isinstance(latest, datetime) else float(latest),
            started_at=started_at,
            now=time.time(),
            silent_after_seconds=silent_after_seconds,
        )

    return check


def daemon_complaint(beaten_at: float, *, started_at: float, now: float, silent_after_seconds: float) -> str | None:
    """Judge the daemon's newest heartbeat."""
    if beaten_at < started_at - _ALLOWED_CLOCK_STEP_SECONDS:
        return "no heartbeat since its start"
    silent = now - beaten_at
    return f"no heartbeat for {silent:.0f} s" if silent > silent_after_seconds else None


def _grpc_code(error: grpc.RpcError) -> str:
    return str(error.code().name) if isinstance(error, grpc.Call) else "failed"
