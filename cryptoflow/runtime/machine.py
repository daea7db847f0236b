"""What this machine offers: memory, cores, room. The figures that server settings are sized by.

What does not belong here: the sizing itself (postgres_settings, valkey).
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import psutil

# A container's limit, cgroup v2 then v1; "max" or an absurdly large number means unlimited.
_MEMORY_LIMIT_FILES = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  (measured, never written)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The measures of one machine (or of the container around us)."""

    memory_bytes: int
    cores: int
    disk_free_bytes: int
    shared_memory_bytes: int | None = None
    """Room in /dev/shm (64 MB in a default Docker container); None where there is no such thing."""


def this_machine(folder: Path) -> Machine:
    """Measure now; `folder` (or its nearest existing parent) says which disk is meant."""
    return Machine(
        memory_bytes=_memory_bytes(),
        cores=_cores(),
        disk_free_bytes=shutil.disk_usage(_nearest_existing(folder)).free,
        shared_memory_bytes=shutil.disk_usage(_SHARED_MEMORY).total if _SHARED_MEMORY.is_dir() else None,
    )


def parse_memory_limit(text: str, *, physical_bytes: int) -> int:
    """The memory in force under a control group's limit file content."""
    limit = text.strip()
    return min(physical_bytes, int(limit)) if limit.isdigit() and int(limit) > 0 else physical_bytes


def _memory_bytes() -> int:
    physical = int(psutil.virtual_memory().total)
    for file in _MEMORY_LIMIT_FILES:
        if file.is_file():
            return parse_memory_limit(file.read_text(encoding="ascii"), physical_bytes=physical)
    return physical


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _nearest_existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if place.exists())
