"""The home folder of one platform: where everything lies, who runs in it, and the lock that admits one at a time.

What does not belong here: starting or stopping anything.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from cryptoflow.errors import PermanentError
from cryptoflow.runtime.disk import explain_os_error, probe_writable
from cryptoflow.runtime.private_files import PRIVATE_FILE_MODE, make_private_folder, write_private
from cryptoflow.runtime.processes import wait_until

_GLANCE_SECONDS = 1.0


class Endpoints(msgspec.Struct, frozen=True, kw_only=True):
    """HOME/endpoints.json: where the running platform answers, and its processes."""

    database_url: str
    dagster_database_url: str
    redis_url: str | None = None
    dagster_url: str | None = None
    api_url: str | None = None
    simulator_url: str | None = None
    children: dict[str, int] = {}
    """Part -> process id."""
    children_started_at: dict[str, float] = {}
    """Part -> start time of that process (unix seconds): an id alone may be another's by now."""
    supervisor_pid: int = 0
    supervisor_started_at: float = 0.0
    started_at: str = ""
    version: str = ""

    def __repr__(self) -> str:
        """Without the URLs, whose passwords must not reach a log or a traceback."""
        return f"Endpoints(supervisor_pid={self.supervisor_pid}, children={self.children})"


@dataclass(frozen=True, slots=True)
class Home:
    """Paths below one folder."""

    path: Path

    @property
    def postgres_data(self) -> Path:
        return self.path / "data" / "postgres"

    @property
    def valkey_data(self) -> Path:
        return self.path / "data" / "valkey"

    @property
    def dagster(self) -> Path:
        return self.path / "dagster"

    @property
    def archive(self) -> Path:
        """Days that were let go, as Parquet."""
        return self.path / "archive"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def run(self) -> Path:
        return self.path / "run"

    @property
    def endpoints_file(self) -> Path:
        return self.path / "endpoints.json"

    @property
    def status_file(self) -> Path:
        return self.run / "status.json"

    @property
    def failure_file(self) -> Path:
        return self.run / "failure.json"

    @property
    def lock_file(self) -> Path:
        return self.run / "up.lock"

    @property
    def session_lock_file(self) -> Path:
        """Held, shared, by every command that uses the embedded database without a platform."""
        return self.run / "commands.lock"

    def log_file(self, part: str) -> Path:
        return self.logs / f"{part}.log"

    def prepare(self) -> None:
        """Make the folders and prove that they take files."""
        for folder in (self.path, self.path / "data", self.dagster, self.logs, self.run):
            make_private_folder(folder)
        probe_writable(self.path)

    def write_endpoints(self, endpoints: Endpoints) -> None:
        text = msgspec.json.format(msgspec.json.encode(endpoints), indent=2).decode()
        write_private(self.endpoints_file, text + "\n")

    def read_endpoints(self) -> Endpoints | None:
        """What the last platform here wrote; None when there is none. Whether it still runs is another question."""
        try:
            return msgspec.json.decode(self.endpoints_file.read_bytes(), type=Endpoints)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise explain_os_error(error, what=f"{self.endpoints_file} could not be read") from error
        except (msgspec.DecodeError, msgspec.ValidationError):
            raise PermanentError(
                f"{self.endpoints_file} is not readable as endpoints.", cure="Remove it; the next start writes it."
            ) from None

    def clear_endpoints(self) -> None:
        self.endpoints_file.unlink(missing_ok=True)


class FileLock:
    """An advisory lock on a file, gone with the process that holds it, however that ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stream: IO[str] | None = None

    def acquire(self, *, shared: bool = False) -> bool:
        """Take it now or say no. Held until `release` or the end of the process."""
        stream = self._stream or self._open()
        mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(stream, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            if self._stream is None:
                stream.close()
            return False
        self._stream = stream
        return True

    def write_owner(self) -> None:
        """Leave our process id in the file, for whoever finds the lock taken."""
        if self._stream is None:
            raise RuntimeError(f"{self.path} is not locked by this process")
        self._stream.seek(0)
        self._stream.truncate()
        self._stream.write(str(os.getpid()))
        self._stream.flush()

    def release(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _open(self) -> IO[str]:
        make_private_folder(self.path.parent)
        try:
            return os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE_MODE), "r+", encoding="ascii")
        except OSError as error:
            raise explain_os_error(error, what=f"The lock file {self.path} could not be opened") from error


def lock_owner(path: Path) -> int | None:
    """The process id written in a lock file that somebody holds; None when nobody does."""
    probe = FileLock(path)
    if not path.exists() or probe.acquire(shared=True):
        probe.release()
        return None
    text = path.read_text(encoding="ascii").strip()
    return int(text) if text.isdigit() else 0


def lock_home(home: Home) -> FileLock:
    """Become the one platform of this home, or say who is."""
    lock = FileLock(home.lock_file)
    # A look from outside (`status`) holds the lock for an instant; that is not a platform.
    if not wait_until(lock.acquire, timeout_seconds=_GLANCE_SECONDS):
        pid = lock_owner(home.lock_file)
        raise PermanentError(
            f"A platform already runs in {home.path}" + (f" (process {pid})." if pid else "."),
            cure="`cryptoflow status` shows it, `cryptoflow down` stops it; or choose another folder with --home.",
        )
    lock.write_owner()
    return lock
