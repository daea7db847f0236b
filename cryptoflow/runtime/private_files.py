"""Files that only their owner may read, written whole or not at all; the generated passwords live in them.

What does not belong here: what the passwords open.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from cryptoflow.runtime.disk import explain_os_error

PRIVATE_FILE_MODE = 0o600
PRIVATE_FOLDER_MODE = 0o700
_PASSWORD_BYTES = 24


def make_private_folder(folder: Path) -> None:
    """Create a folder (and its parents) that only its owner may enter; an existing one keeps its mode."""
    try:
        folder.mkdir(mode=PRIVATE_FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise explain_os_error(error, what=f"The folder {folder} could not be made") from error


def write_private(path: Path, text: str) -> None:
    """Replace `path` by `text` atomically, mode 0600."""
    make_private_folder(path.parent)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mkstemp makes it 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise explain_os_error(error, what=f"The file {path} could not be written") from error


def read_or_create_password(path: Path) -> str:
    """The password kept in `path`; a random one is made the first time."""
    if path.is_file():
        kept = path.read_text(encoding="utf-8").strip()
        if kept:
            return kept
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    write_private(path, password + "\n")
    return password
