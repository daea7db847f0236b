"""Where the database server of the tests keeps what nobody needs afterwards: in memory, where there is room.

Each test has a database of its own, which is hundreds of files to make and remove; on a disk that two processes use so
at once that took longer than the tests. What is tried of a disk (durability, a full one) starts a server of its own.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

IN_MEMORY: Final = Path("/dev/shm")
# A server of the tests holds some tens of databases of 10 MB at most, and 256 MB of log.
ROOM_BYTES: Final = 4 * 1024**3


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="cryptoflow-tests-", dir=_with_room(IN_MEMORY)) as folder:
        yield Path(folder)


def _with_room(place: Path) -> Path | None:
    """The place, or None (which means: where such folders usually are) when it is not there or too small."""
    return place if place.is_dir() and shutil.disk_usage(place).free >= ROOM_BYTES else None
