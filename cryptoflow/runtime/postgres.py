"""The embedded PostgreSQL 18: one data folder, its server process, and who may talk to it.

The programs come from a wheel; nothing else of it is used. The server listens on the loopback and on a socket,
asks everyone for a password, keeps checksums on its pages, and is told to stop with a fast shutdown.
What does not belong here: databases, roles and extensions inside it (bootstrap), restarting it (supervisor),
external servers (external).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

import psutil
from psycopg import pq

from cryptoflow.errors import CryptoflowError, PermanentError, TransientError
from cryptoflow.runtime import disk, ports, unprivileged
from cryptoflow.runtime.binaries import postgres_program
from cryptoflow.runtime.machine import this_machine
from cryptoflow.runtime.postgres_settings import Profile, render_settings, settings_for
from cryptoflow.runtime.private_files import (
    PRIVATE_FOLDER_MODE,
    make_private_folder,
    read_or_create_password,
    write_private,
)
from cryptoflow.runtime.processes import ProcessId, is_alive, send, wait_until
from cryptoflow.runtime.server_output import explain_server_output
from cryptoflow.runtime.urls import ServerAddress, database_url

SUPERUSER: Final = "cryptoflow"
MAJOR_VERSION: Final = 18
# Below the range that outgoing connections take their ports from, so that a restart finds it free again.
PREFERRED_PORT: Final = 15432
START_TIMEOUT_SECONDS: Final = 60.0
STOP_TIMEOUT_SECONDS: Final = 60.0

_PORT_TRIES = 5
_PING_TIMEOUT_SECONDS = 3
_LOG_TAIL_BYTES = 8192
# The kernel's limit on a socket path is 107 bytes; PostgreSQL appends "/.s.PGSQL.<port>.lock".
_SOCKET_PATH_LIMIT_BYTES = 107
_SOCKET_NAME_BYTES = len("/.s.PGSQL.65535.lock")
_PID_FILE_LINES = 8


@dataclass(frozen=True, slots=True)
class Postmaster:
    """A running server as its own pid file describes it."""

    process: ProcessId
    port: int
    socket_dir: str
    ready: bool


@dataclass(slots=True, kw_only=True)
class EmbeddedPostgres:
    """One embedded server. Build it with `in_home`; `start`, use `url(...)`, `stop`; or `with running(...)`."""

    data_dir: Path
    socket_dir: Path
    password_file: Path
    log_file: Path
    port: int
    profile: Profile = "durable"
    _child: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @classmethod
    def in_home(cls, home: Path, *, port: int | None = None, profile: Profile = "durable") -> EmbeddedPostgres:
        """The server of a home. A server that already runs there keeps its port; else `port`, else a free one."""
        data_dir = home / "data" / "postgres"
        running = read_postmaster(data_dir)
        if running is not None:
            port = running.port
        return cls(
            data_dir=data_dir,
            socket_dir=socket_folder(home / "run"),
            password_file=home / "data" / "postgres.password",
            log_file=home / "logs" / "postgres.log",
            port=port if port is not None else ports.first_free(PREFERRED_PORT),
            profile=profile,
        )

    @classmethod
    @contextlib.contextmanager
    def running(
        cls, home: Path, *, port: int | None = None, profile: Profile = "durable"
    ) -> Iterator[EmbeddedPostgres]:
        """A ready server for the duration; one that ran before is used as it is and left running."""
        server = cls.in_home(home, port=port, profile=profile)
        started = server.start()
        try:
            yield server
        finally:
            if started:
                server.stop()

    @property
    def stop_signal(self) -> int:
        """Fast shutdown: sessions are ended, what was committed is kept, no recovery at the next start."""
        return signal.SIGINT

    @property
    def password(self) -> str:
        """The superuser's password, made at the first call."""
        return read_or_create_password(self.password_file)

    def url(self, database: str = "postgres") -> str:
        """A postgresql:// URL of one database, over the loopback, as the superuser."""
        address = ServerAddress(host=ports.LOOPBACK, port=self.port, user=SUPERUSER, password=self.password)
        return database_url(address, database)

    def command(self) -> list[str]:
        """The server in the foreground; everything else it needs is in its configuration file."""
        return unprivileged.command_line([str(postgres_program("postgres")), "-D", str(self.data_dir)])

    def environment(self) -> dict[str, str]:
        """What the server process sees: nothing of ours, no secret."""
        return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}

    def ensure_initialised(self) -> None:
        """Make the data folder if there is none. An interrupted attempt leaves nothing behind."""
        if (self.data_dir / "PG_VERSION").is_file():
            _check_version(self.data_dir)
            return
        fresh = self.data_dir.with_name(self.data_dir.name + ".new")
        self._clear(fresh)
        read_or_create_password(self.password_file)
        try:
            self._hand_over(fresh)
            _run_initdb(fresh, password_file=self.password_file)
            os.rename(fresh, self.data_dir)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise

    def prepare(self) -> None:
        """Everything before the process starts: data, sockets, configuration, leftovers of a killed server."""
        self.ensure_initialised()
        self._hand_over(self.socket_dir)
        clear_leftovers(self.data_dir)
        settings = settings_for(this_machine(self.data_dir), profile=self.profile) | {
            "port": str(self.port),
            "listen_addresses": ports.LOOPBACK,
            "unix_socket_directories": str(self.socket_dir),
        }
        write_private(self.data_dir / "postgresql.conf", render_settings(settings))

    def start(self, *, timeout_seconds: float = START_TIMEOUT_SECONDS) -> bool:
        """Start and wait until it answers. False when a server already ran in this data folder and is used."""
        if self.postmaster() is not None and self._adopt(timeout_seconds=timeout_seconds):
            return False
        for _ in range(_PORT_TRIES):
            self.prepare()
            log_offset = self._spawn()
            if self._wait_ready(timeout_seconds=timeout_seconds):
                return True
            failure = self._failure(log_offset)
            self.stop()
            if failure is not None:
                raise failure
            self.port = ports.first_free(self.port + 1)
        raise TransientError(
            f"PostgreSQL found no free port in {_PORT_TRIES} tries, the last being {self.port}.",
            cure="Try again, or stop what takes the ports.",
        )

    def stop(self, *, timeout_seconds: float = STOP_TIMEOUT_SECONDS) -> None:
        """Fast shutdown: open transactions are rolled back, everything committed is on disk. No server, no effect."""
        running = self.postmaster()
        process = running.process if running else ProcessId.of(self._child.pid) if self._child else None
        if process is not None:
            self._stop_process(process, timeout_seconds=timeout_seconds)
        if self._child is not None:
            self._child.wait()
            self._child = None

    def is_ready(self) -> bool:
        """Whether the server accepts connections now."""
        asked = f"host={ports.LOOPBACK} port={self.port} user={SUPERUSER} connect_timeout={_PING_TIMEOUT_SECONDS}"
        return pq.PGconn.ping(asked.encode()) == pq.Ping.OK

    def postmaster(self) -> Postmaster | None:
        """The server process that runs in this data folder, whoever started it."""
        return read_postmaster(self.data_dir)

    def _adopt(self, *, timeout_seconds: float) -> bool:
        """Use the server that runs. False when it ended meanwhile: it was stopping, or had just been killed."""

        def has_settled() -> bool:
            found = self.postmaster()
            self.port = found.port if found else self.port
            return found is None or self._answers()

        if wait_until(has_settled, timeout_seconds=timeout_seconds):
            return self.postmaster() is not None
        raise TransientError(
            f"A PostgreSQL server runs in {self.data_dir} but does not answer on port {self.port}.",
            cure=f"Look at {self.log_file}; `cryptoflow down` stops it.",
        )

    def _spawn(self) -> int:
        if self._child is not None:
            self._child.wait()  # an earlier server of ours that was killed
        make_private_folder(self.log_file.parent)
        with self.log_file.open("ab") as log:
            offset = log.tell()
            self._child = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment(),
                cwd="/",
                start_new_session=True,
            )
        return offset

    def _wait_ready(self, *, timeout_seconds: float) -> bool:
        child = self._child
        assert child is not None
        wait_until(lambda: self._answers() or child.poll() is not None, timeout_seconds=timeout_seconds)
        return child.poll() is None and self._answers()

    def _answers(self) -> bool:
        # The pid file proves that the server which answers on the port is the one of this folder.
        found = self.postmaster()
        return found is not None and found.ready and found.port == self.port and self.is_ready()

    def _failure(self, log_offset: int) -> CryptoflowError | None:
        """Why the start failed; None when only the port was taken meanwhile."""
        with self.log_file.open("rb") as log:
            log.seek(max(log_offset, log.seek(0, os.SEEK_END) - _LOG_TAIL_BYTES))
            text = log.read().decode("utf-8", "replace")
        if "could not create any TCP/IP sockets" in text and "Address already in use" in text:
            return None
        return explain_server_output(text, what="PostgreSQL did not start", log_file=self.log_file)

    def _stop_process(self, process: ProcessId, *, timeout_seconds: float) -> None:
        child = self._child

        def is_gone() -> bool:
            if child is not None and child.pid == process.pid:
                return child.poll() is not None
            return not is_alive(process)

        for stop_signal in (self.stop_signal, signal.SIGQUIT, signal.SIGKILL):
            send(process, stop_signal)
            if wait_until(is_gone, timeout_seconds=timeout_seconds):
                return

    def _hand_over(self, folder: Path) -> None:
        """Make a folder that the server's user owns, as PostgreSQL demands."""
        make_private_folder(folder)
        try:
            folder.chmod(PRIVATE_FOLDER_MODE)
            if unprivileged.is_root():
                os.chown(folder, unprivileged.UNPRIVILEGED_ID, unprivileged.UNPRIVILEGED_ID)
        except OSError as error:
            raise disk.explain_os_error(error, what=f"The folder {folder} could not be prepared") from error

    def _clear(self, fresh: Path) -> None:
        if self.data_dir.is_dir() and any(self.data_dir.iterdir()):
            raise PermanentError(
                f"The folder {self.data_dir} is not empty and holds no PostgreSQL data.",
                cure="Move its files away, or choose another folder with --home or CRYPTOFLOW_HOME.",
            )
        shutil.rmtree(fresh, ignore_errors=True)


def socket_folder(run_folder: Path) -> Path:
    """Where the socket goes: the home's run folder, or a short private folder when that path is too long."""
    wanted = run_folder / "postgres"
    if len(os.fsencode(wanted)) + _SOCKET_NAME_BYTES <= _SOCKET_PATH_LIMIT_BYTES:
        return wanted
    digest = sha256(os.fsencode(run_folder)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"cryptoflow-{os.geteuid()}-{digest}"


def read_postmaster(data_dir: Path) -> Postmaster | None:
    """The live server of a data folder; None when the pid file is missing, half written, or of a dead process."""
    try:
        lines = (data_dir / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise disk.explain_os_error(error, what=f"The pid file of {data_dir} could not be read") from error
    lines += [""] * (_PID_FILE_LINES - len(lines))
    if not (lines[0].strip().isdigit() and lines[3].strip().isdigit()):
        return None
    pid = int(lines[0])
    process = ProcessId.of(pid)
    if process is None or not is_alive(process) or not _serves(pid, data_dir):
        return None
    return Postmaster(
        process=process, port=int(lines[3]), socket_dir=lines[4].strip(), ready=lines[7].strip() == "ready"
    )


def clear_leftovers(data_dir: Path) -> None:
    """After a killed server: end its orphaned backends and remove its pid file, whose number may be another's now."""
    if read_postmaster(data_dir) is not None:
        return
    for orphan in _server_processes(data_dir):
        send(orphan, signal.SIGKILL)
        wait_until(lambda orphan=orphan: not is_alive(orphan), timeout_seconds=10)  # type: ignore[misc]
    (data_dir / "postmaster.pid").unlink(missing_ok=True)


def _server_processes(data_dir: Path) -> list[ProcessId]:
    found = []
    for process in psutil.process_iter(["name", "create_time"]):
        if process.info["name"] == "postgres" and _serves(process.pid, data_dir):
            found.append(ProcessId(process.pid, process.info["create_time"]))
    return found


def _serves(pid: int, data_dir: Path) -> bool:
    """Every PostgreSQL process works in its data folder; while it starts, its command line names it."""
    try:
        process = psutil.Process(pid)
        if "postgres" not in process.name():
            return False
        # Backends show a title for a command line; they have the working folder by then.
        return Path(process.cwd()) == data_dir.resolve() or str(data_dir) in process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _check_version(data_dir: Path) -> None:
    version = (data_dir / "PG_VERSION").read_text(encoding="ascii").strip()
    if version != str(MAJOR_VERSION):
        raise PermanentError(
            f"The data in {data_dir} was written by PostgreSQL {version}; the embedded server is {MAJOR_VERSION}.",
            cure="Restore a backup into a new home, or set CRYPTOFLOW_DATABASE_URL to a server that can read it.",
        )


def _run_initdb(data_dir: Path, *, password_file: Path) -> None:
    # The built-in provider sorts alike on every machine and needs no locale of the system.
    command = [
        str(postgres_program("initdb")),
        f"--pgdata={data_dir}",
        f"--username={SUPERUSER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--data-checksums",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--no-instructions",
    ]
    done = subprocess.run(
        unprivileged.command_line(command),
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
    )
    if done.returncode != 0:
        raise explain_server_output(done.stderr, what=f"A new database could not be made in {data_dir}")
