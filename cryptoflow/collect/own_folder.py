"""A folder for files under way that belongs to this process; those of processes that died are cleared away.

What does not belong here: what is put into it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil


@contextmanager
def own_folder(purpose: str) -> Iterator[Path]:
    """A new folder, gone at the end of the block; one whose process was killed goes when the next one begins."""
    parent = Path(tempfile.gettempdir())
    for left in parent.glob(f"{purpose}-*-*"):
        owner = left.name.removeprefix(f"{purpose}-").partition("-")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{purpose}-{os.getpid()}-") as name:
        yield Path(name)
