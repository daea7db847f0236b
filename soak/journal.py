"""What was done in a soak, when, and to whom: a line of JSON each, written at once, so that a break can be explained.

Instants are our own, in unix seconds, but for `slot`. What does not belong here: doing anything.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

Entry = dict[str, Any]
# An answer that a fault hit may be on its way for so long after the fault has ended.
LATE_ANSWER_SECONDS: Final = 45.0
# The kind of faults that change what an answer says; the others cut, lose, delay or repeat it.
LIES: Final = frozenset({"body"})


@dataclass(slots=True)
class Journal:
    """The entries so far; each is in the file before the next thing is done."""

    path: Path
    wall: Callable[[], float] = time.time
    entries: list[Entry] = field(default_factory=list)

    def write(self, what: str, **told: Any) -> Entry:
        """Add an entry with the instant of now."""
        at = self.wall()
        entry: Entry = {"at": round(at, 3), "utc": f"{datetime.fromtimestamp(at, UTC):%H:%M:%S}", "what": what, **told}
        self.entries.append(entry)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry, default=str) + "\n")
        return entry

    def all(self, what: str) -> Iterator[Entry]:
        """The entries of one kind, in their order."""
        return (entry for entry in self.entries if entry["what"] == what)

    def fault_near(self, provider: str, at: float, *, kinds: frozenset[str] | None = None) -> Entry | None:
        """A fault that may have hit an answer of the provider which was received at the instant."""
        for entry in self.all("fault"):
            is_meant = entry["provider"] == provider and (kinds is None or entry["kind"] in kinds)
            if is_meant and entry["at"] <= at <= entry["at"] + entry["seconds"] + LATE_ANSWER_SECONDS:
                return entry
        return None

    def kill_near(self, at: float, *, before: float, after: float) -> Entry | None:
        """A kill at most so many seconds before or after which the instant lies."""
        return next((entry for entry in self.all("kill") if entry["at"] - before <= at <= entry["at"] + after), None)


def read_journal(path: Path) -> Journal:
    """The journal of an earlier soak."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return Journal(path, entries=[json.loads(line) for line in lines])
