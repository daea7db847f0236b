"""Room on the disk: how much there is, how fast it goes, and when it ends at that pace.

It is measured with the health of the platform and kept in ops.room_samples. The pace is the middle of all
paces between two measurements, so that a file that came or went at once does not bend it.
What does not belong here: giving room back (retention, table care, pruning).
"""

from __future__ import annotations

import shutil
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Any, Final

from cryptoflow.ops.finding import Finding, broken, ok, warning
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.records import record_of
from cryptoflow.warehouse.statements import statement

# Less than this and PostgreSQL may stop for want of space before anybody looks.
LEAST_FREE_BYTES: Final = 2 * 1024**3
LOOKED_BACK: Final = timedelta(days=7)
# The first hours fill caches, logs and partitions; they say nothing of the days to come.
LEAST_SPAN: Final = timedelta(hours=12)
# Who has to order a disk, or to decide what may go, needs two weeks; three days are an emergency.
SOON: Final = timedelta(days=14)
VERY_SOON: Final = timedelta(days=3)
_GIBIBYTE: Final = 1024**3
_DAY: Final = timedelta(days=1)
_CURE: Final = (
    "Free space there, keep less (CRYPTOFLOW_ settings of retention; docs/retention.md), or move the home with"
    " CRYPTOFLOW_HOME."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomSample:
    """One measurement. The fields are columns of ops.room_samples."""

    measured_at: datetime
    free_bytes: int
    warehouse_bytes: int
    dagster_bytes: int


def home_name(folder: Path) -> str:
    """What a home is called among those of other hosts."""
    return f"{socket.gethostname()}:{folder}"


def free_bytes_in(folder: Path) -> int:
    """Free on the file system of the folder, or of the one in which it will be made."""
    return shutil.disk_usage(_existing(folder)).free


def keep_room(database_url: str, folder: Path, sample: RoomSample) -> None:
    """Keep a measurement of a home."""
    with transaction(database_url) as connection:
        connection.execute(statement("ops/insert_room_sample"), {"home": home_name(folder), **asdict(sample)})


def room_samples(rows: Sequence[Sequence[Any]]) -> list[RoomSample]:
    """The measurements from what `ops/select_room_samples` found."""
    return [record_of(RoomSample, row) for row in rows]


def bytes_a_day(samples: Sequence[RoomSample]) -> float | None:
    """How fast room goes; None when there is too little to tell from. Negative: it comes back. Pure."""
    if len(samples) < 2 or samples[-1].measured_at - samples[0].measured_at < LEAST_SPAN:
        return None
    return median(
        (earlier.free_bytes - later.free_bytes) / ((later.measured_at - earlier.measured_at) / _DAY)
        for earlier, later in combinations(samples, 2)
        if later.measured_at > earlier.measured_at
    )


def judge_room(folder: Path, free: int, samples: Sequence[RoomSample], *, now: datetime) -> Finding:
    """One finding from what is free and what was. Pure but for the name of the folder."""
    said = f"{free / _GIBIBYTE:.1f} GiB free in {_existing(folder)}"
    if free < LEAST_FREE_BYTES:
        return broken("disk", said, cure=_CURE)
    pace = bytes_a_day(samples)
    if pace is None:
        return ok("disk", f"{said}; when it ends can be told after {LEAST_SPAN / timedelta(hours=1):.0f} hours")
    if pace <= 0 or free / pace > 10 * 365:
        return ok("disk", f"{said}, and it does not get less")
    left = timedelta(days=free / pace)
    said = f"{said}, {pace / _GIBIBYTE:.2f} GiB less every day: full on {now + left:%Y-%m-%d}"
    if left < VERY_SOON:
        return broken("disk", said, cure=_CURE)
    return warning("disk", said, cure=_CURE) if left < SOON else ok("disk", said)


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())
