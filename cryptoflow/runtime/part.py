"""What the supervisor runs, as plain records: parts (processes) and steps (work done once between them).

What does not belong here: which parts a platform has (parts), running them (child, supervisor).
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


class CannotTellError(Exception):
    """A check could not look, for a reason that is another part's: what was known stays."""


# Given the start time of the process (unix seconds), returns None when it is well, else the complaint.
Check = Callable[[float], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One process that must keep running."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    """All of the process's environment; this is where secrets go, never into `argv`."""
    folder: Path
    check: Check | None = None
    """None: alive is well."""
    prepare: Callable[[], None] | None = None
    """Called before every start, in a thread."""
    depends_on: tuple[str, ...] = ()
    endpoint: str | None = None
    """What to show a person: a URL or host:port, without secrets."""
    start_timeout_seconds: float = 60.0
    check_interval_seconds: float = 2.0
    unhealthy_after_seconds: float = 20.0
    """How long a part may complain, once it was well, before it is restarted."""
    stop_signal: int = signal.SIGTERM
    stop_grace_seconds: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Work done once, after what it depends on is well and before what depends on it."""

    name: str
    action: Callable[[], None]
    depends_on: tuple[str, ...] = ()


Member = Part | Step


def start_order(members: Sequence[Member]) -> list[Member]:
    """Members with every dependency before its dependents, otherwise as given. A missing or circular one is a bug."""
    names = {member.name for member in members}
    for member in members:
        unknown = [name for name in member.depends_on if name not in names]
        if unknown:
            raise ValueError(f"{member.name} depends on {', '.join(unknown)}, which is not there")
    ordered: list[Member] = []
    placed: set[str] = set()
    waiting = list(members)
    while waiting:
        ready = [member for member in waiting if placed.issuperset(member.depends_on)]
        if not ready:
            raise ValueError(f"circular dependency among {', '.join(sorted(m.name for m in waiting))}")
        ordered.append(ready[0])
        placed.add(ready[0].name)
        waiting.remove(ready[0])
    return ordered


def stop_levels(members: Sequence[Member]) -> list[list[str]]:
    """Names to stop together, dependents before what they depend on."""
    depth: dict[str, int] = {}
    for member in start_order(members):
        depth[member.name] = 1 + max((depth[name] for name in member.depends_on), default=0)
    return [
        [name for name, level in depth.items() if level == wanted]
        for wanted in range(max(depth.values(), default=0), 0, -1)
    ]
