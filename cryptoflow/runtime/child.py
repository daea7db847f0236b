"""One process of the platform: started in a session of its own, watched without racing, ended with all it left.

What does not belong here: when to start or restart it (supervisor).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from cryptoflow.errors import PermanentError
from cryptoflow.runtime.disk import explain_os_error
from cryptoflow.runtime.logs import open_log
from cryptoflow.runtime.part import Part
from cryptoflow.runtime.processes import ProcessId, kill_group


class Child:
    """A running process of a part. It leads its own group, so that its descendants can be ended with it."""

    def __init__(self, part: Part, *, log_file: Path) -> None:
        self.part = part
        with open_log(log_file) as log:
            try:
                self._process = subprocess.Popen(
                    part.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=dict(part.environment),
                    cwd=part.folder,
                    start_new_session=True,
                )
            except FileNotFoundError:
                raise PermanentError(
                    f"The program {part.argv[0]} of the part {part.name} is not there.",
                    cure="Install cryptoflow again (in a checkout: make env).",
                ) from None
            except OSError as error:
                raise explain_os_error(error, what=f"The part {part.name} could not be started") from error
        self.started_at = time.time()
        identity = ProcessId.of(self._process.pid)
        self.identity = identity or ProcessId(self._process.pid, self.started_at)

    @property
    def pid(self) -> int:
        return self._process.pid

    def exit_code(self) -> int | None:
        """None while it runs. When it has ended, the rest of its group is ended before the number is given back."""
        if self._process.returncode is None and self._has_ended():
            kill_group(self.pid)
            self._process.wait()
        return self._process.returncode

    def ask_to_stop(self) -> None:
        """Send the part's own stop signal to the process; it takes care of its descendants."""
        self._signal(self.part.stop_signal)

    def kill(self) -> None:
        """End it and all its descendants now."""
        if self._process.returncode is None:
            kill_group(self.pid)
            self._process.wait()

    def _has_ended(self) -> bool:
        # Without reaping it: as long as it is not reaped its number, which names the group, cannot be another's.
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True

    def _signal(self, number: int) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


def describe_exit(code: int) -> str:
    """An exit code for a person."""
    if code >= 0:
        return f"exited with code {code}"
    with contextlib.suppress(ValueError):
        return f"killed by {signal.Signals(-code).name}"
    return f"killed by signal {-code}"


def inherited_environment(additions: Mapping[str, str]) -> dict[str, str]:
    """The environment of this process, passed on unread, with additions."""
    return {**os.environ, **additions}


def script(name: str) -> str:
    """A console script installed beside the running interpreter."""
    return str(Path(sys.executable).with_name(name))
