"""Log files of the parts: each process appends to its own file, and a file that grows too large is rolled over.

The processes hold the file open themselves, so nothing they write depends on the supervisor being alive. Rolling
copies the file and empties it in place; a line written within that instant may be lost from the log.
What does not belong here: what is logged.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import IO

from cryptoflow.runtime.disk import explain_os_error
from cryptoflow.runtime.private_files import PRIVATE_FILE_MODE, make_private_folder

MAX_BYTES = 10 * 1024 * 1024
KEPT_FILES = 5


def open_log(path: Path) -> IO[bytes]:
    """The file, for appending; whoever has it open keeps writing at its end even after it was emptied."""
    make_private_folder(path.parent)
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, PRIVATE_FILE_MODE), "ab", buffering=0)
    except OSError as error:
        raise explain_os_error(error, what=f"The log {path} could not be opened") from error


def roll(path: Path, *, max_bytes: int = MAX_BYTES, kept_files: int = KEPT_FILES) -> bool:
    """Roll the file over when it is larger than allowed: log.1 is the newest of the kept ones."""
    if not path.is_file() or path.stat().st_size <= max_bytes:
        return False
    for number in range(kept_files - 1, 0, -1):
        older = _numbered(path, number)
        if older.is_file():
            older.replace(_numbered(path, number + 1))
    try:
        shutil.copy2(path, _numbered(path, 1))
    except OSError:
        # Most likely the disk is full: room for data is worth more than an old log.
        _numbered(path, 1).unlink(missing_ok=True)
    os.truncate(path, 0)
    return True


def tail(path: Path, *, lines: int = 5, max_bytes: int = 8192) -> list[str]:
    """The last lines, for a person."""
    if not path.is_file():
        return []
    with path.open("rb") as stream:
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - max_bytes))
        return stream.read().decode("utf-8", "replace").splitlines()[-lines:]


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")
