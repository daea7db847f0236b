"""The embedded Valkey 9: one data folder, its server process, its password.

Durable by an append-only file that reaches the disk every second; loopback only. The password is in a private
configuration file, never on the command line.
What does not belong here: what is kept in it, restarting it (supervisor), external servers (external).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import psutil
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from cryptoflow.errors import TransientError
from cryptoflow.runtime import ports
from cryptoflow.runtime.binaries import valkey_program
from cryptoflow.runtime.machine import Machine, this_machine
from cryptoflow.runtime.private_files import make_private_folder, read_or_create_password, write_private
from cryptoflow.runtime.processes import ProcessId, is_alive, stop_process, wait_until
from cryptoflow.runtime.server_output import explain_server_output

PREFERRED_PORT: Final = 16379
START_TIMEOUT_SECONDS: Final = 30.0
STOP_TIMEOUT_SECONDS: Final = 20.0

AppendFsync = Literal["everysec", "always"]

_MEBIBYTE = 1024 * 1024
_PORT_TRIES = 5
_PING_TIMEOUT_SECONDS = 3.0


def memory_limit_bytes(machine: Machine) -> int:
    """A sixteenth of the memory, at least 64 MiB, at most 1 GiB: a whole tick of 10,000 assets takes two."""
    return max(64 * _MEBIBYTE, min(machine.memory_bytes // 16, 1024 * _MEBIBYTE))


@dataclass(slots=True, kw_only=True)
class EmbeddedValkey:
    """One embedded server. Build it with `in_home`; `start`, use `url()`, `stop`; or `with running(...)`."""

    data_dir: Path
    config_file: Path
    pid_file: Path
    password_file: Path
    log_file: Path
    port: int
    append_fsync: AppendFsync = "everysec"
    _child: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @classmethod
    def in_home(cls, home: Path, *, port: int | None = None, append_fsync: AppendFsync = "everysec") -> EmbeddedValkey:
        """The server of a home. A server that already runs there keeps its port; else `port`, else a free one."""
        server = cls(
            data_dir=home / "data" / "valkey",
            config_file=home / "run" / "valkey.conf",
            pid_file=home / "run" / "valkey.pid",
            password_file=home / "data" / "valkey.password",
            log_file=home / "logs" / "valkey.log",
            port=port or 0,
            append_fsync=append_fsync,
        )
        if server.server_process() is not None:
            server.port = _configured_port(server.config_file)
        elif port is None:
            server.port = ports.first_free(PREFERRED_PORT)
        return server

    @classmethod
    @contextlib.contextmanager
    def running(
        cls, home: Path, *, port: int | None = None, append_fsync: AppendFsync = "everysec"
    ) -> Iterator[EmbeddedValkey]:
        """A ready server for the duration; one that ran before is used as it is and left running."""
        server = cls.in_home(home, port=port, append_fsync=append_fsync)
        started = server.start()
        try:
            yield server
        finally:
            if started:
                server.stop()

    @classmethod
    def runs_in(cls, home: Path) -> bool:
        """Whether a server process of this home lives."""
        return cls.in_home(home, port=PREFERRED_PORT).server_process() is not None

    @property
    def password(self) -> str:
        """The server's password, made at the first call."""
        return read_or_create_password(self.password_file)

    def url(self, database: int = 0) -> str:
        """A redis:// URL over the loopback."""
        return f"redis://:{self.password}@{ports.LOOPBACK}:{self.port}/{database}"

    def command(self) -> list[str]:
        """The server in the foreground; everything else it needs is in its configuration file."""
        return [str(valkey_program()), str(self.config_file)]

    def environment(self) -> dict[str, str]:
        """What the server process sees: nothing of ours, no secret."""
        return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}

    def prepare(self) -> None:
        """Everything before the process starts: data folder, configuration."""
        make_private_folder(self.data_dir)
        write_private(self.config_file, self._configuration())

    def start(self, *, timeout_seconds: float = START_TIMEOUT_SECONDS) -> bool:
        """Start and wait until it answers. False when a server already ran in this home and is used."""
        if self.server_process() is not None and self._adopt(timeout_seconds=timeout_seconds):
            return False
        for _ in range(_PORT_TRIES):
            self.prepare()
            output = self._spawn(timeout_seconds=timeout_seconds)
            if output is None:
                return True
            self.stop()
            if "Address already in use" not in output:
                raise explain_server_output(output, what="Valkey did not start", log_file=self.log_file)
            self.port = ports.first_free(self.port + 1)
        raise TransientError(
            f"Valkey found no free port in {_PORT_TRIES} tries, the last being {self.port}.",
            cure="Try again, or stop what takes the ports.",
        )

    def stop(self, *, timeout_seconds: float = STOP_TIMEOUT_SECONDS) -> None:
        """Ordered shutdown: what was acknowledged is on disk. No server, no effect."""
        if self._child is not None:
            self._child.send_signal(signal.SIGTERM)
            try:
                self._child.wait(timeout=timeout_seconds)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
            self._child = None
            return
        process = self.server_process()
        if process is not None:
            stop_process(process, grace_seconds=timeout_seconds)

    def is_ready(self) -> bool:
        """Whether the server answers with our password and has loaded its data."""
        with redis.Redis(
            host=ports.LOOPBACK,
            port=self.port,
            password=self.password,
            socket_timeout=_PING_TIMEOUT_SECONDS,
            socket_connect_timeout=_PING_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        ) as client:
            try:
                return bool(client.ping())
            except (redis.RedisError, OSError):
                return False

    def server_process(self) -> ProcessId | None:
        """The server process of this home, whoever started it."""
        try:
            pid = int(self.pid_file.read_text(encoding="ascii"))
            # The title is left alone (set-proc-title no), so the command line still names the configuration.
            if str(self.config_file) not in psutil.Process(pid).cmdline():
                return None
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
            return None
        process = ProcessId.of(pid)
        return process if process is not None and is_alive(process) else None

    def _adopt(self, *, timeout_seconds: float) -> bool:
        """Use the server that runs. False when it ended meanwhile: it was stopping, or had just been killed."""
        self.port = _configured_port(self.config_file)
        if wait_until(lambda: self.server_process() is None or self.is_ready(), timeout_seconds=timeout_seconds):
            return self.server_process() is not None
        raise TransientError(
            f"A Valkey server runs in {self.data_dir} but does not answer on port {self.port}.",
            cure=f"Look at {self.log_file}; `cryptoflow down` stops it.",
        )

    def _spawn(self, *, timeout_seconds: float) -> str | None:
        """Start the process; None when it answers, else what it wrote."""
        if self._child is not None:
            self._child.wait()  # an earlier server of ours that was killed
        make_private_folder(self.log_file.parent)
        with self.log_file.open("ab") as log:
            offset = log.tell()
            child = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment(),
                cwd=self.data_dir,
                start_new_session=True,
            )
        self._child = child
        wait_until(lambda: self.is_ready() or child.poll() is not None, timeout_seconds=timeout_seconds)
        if child.poll() is None and self.is_ready():
            return None
        with self.log_file.open("rb") as log:
            log.seek(offset)
            return log.read().decode("utf-8", "replace")

    def _configuration(self) -> str:
        limit = memory_limit_bytes(this_machine(self.data_dir))
        lines = {
            "bind": ports.LOOPBACK,
            "port": str(self.port),
            "protected-mode": "yes",
            "requirepass": self.password,
            "dir": f'"{self.data_dir}"',
            "pidfile": f'"{self.pid_file}"',
            "daemonize": "no",
            "set-proc-title": "no",
            "appendonly": "yes",
            "appendfsync": self.append_fsync,
            "save": '""',  # the append-only file is the copy on disk; snapshots beside it would only cost
            "maxmemory": str(limit),
            "maxmemory-policy": "volatile-ttl",  # cached values may go; queued work has no expiry and stays
            "tcp-keepalive": "60",
        }
        return "# Written by cryptoflow at every start.\n" + "".join(f"{k} {v}\n" for k, v in lines.items())


def _configured_port(config_file: Path) -> int:
    for line in config_file.read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(" ")
        if name == "port":
            return int(value)
    raise TransientError(f"{config_file} names no port.", cure="Stop the server that uses it, then start again.")
