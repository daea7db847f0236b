"""What a server program wrote before it gave up, turned into one sentence and a cure. Pure text.

What does not belong here: starting programs (postgres, valkey), refusals of a connection (external).
"""

from __future__ import annotations

import re
from pathlib import Path

from cryptoflow.errors import PermanentError
from cryptoflow.runtime import disk, unprivileged

# A faulty setting is named in a LOG line; the FATAL line after it only says that there was one.
_COMPLAINT = re.compile(r"(?:FATAL|PANIC|error):\s+(?P<said>.+)|LOG:\s+(?P<setting>(?:invalid|unrecognized) .+)")


def explain_server_output(text: str, *, what: str, log_file: Path | None = None) -> PermanentError:
    """An error with a cure from what a server program wrote before it gave up."""
    where = f" (see {log_file})" if log_file else ""
    if "No space left on device" in text or "Disk quota exceeded" in text:
        return PermanentError(f"{what}{where}: the disk is full.", cure=disk.FULL_CURE)
    if "Read-only file system" in text:
        return PermanentError(f"{what}{where}: the disk is mounted read-only.", cure=disk.FORBIDDEN_CURE)
    if unprivileged.CURE in text:
        return PermanentError(f"{what}: root could not be given up for it.", cure=unprivileged.CURE)
    if "Permission denied" in text:
        return PermanentError(f"{what}{where}: permission denied.", cure=disk.FORBIDDEN_CURE)
    if "could not map anonymous shared memory" in text:
        return PermanentError(f"{what}{where}: not enough memory.", cure="Stop other programs, or add memory.")
    return PermanentError(f"{what}{where}: {_complaint(text)}.", cure="Read its last log lines.")


def _complaint(text: str) -> str:
    """The first line that names a cause. Our own probes make the server say that it is starting; that is none."""
    for line in text.splitlines():
        found = _COMPLAINT.search(line)
        if found and "the database system is" not in line:
            return (found["said"] or found["setting"]).strip().rstrip(".")
    return "it gave no reason"
