"""What a check says: whether the invariant holds, how much was looked at, and what breaks it, by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_SHOWN: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One invariant. `breaks` names the first of them; `broken` counts all."""

    invariant: str
    looked_at: int
    unit: str
    broken: int
    breaks: tuple[str, ...]
    told: str = ""
    """What else is worth knowing, such as how many rows are a provider's lies."""

    @property
    def holds(self) -> bool:
        """Whether nothing breaks it."""
        return self.broken == 0


def verdict(invariant: str, breaks: Iterable[str], *, looked_at: int, unit: str, told: str = "") -> Verdict:
    """A verdict from all that breaks the invariant. One that looked at nothing does not hold: it proves nothing."""
    found = list(breaks)
    if not looked_at and not found:
        found = [f"there are no {unit} to look at, so nothing is proven"]
    return Verdict(
        invariant=invariant,
        looked_at=looked_at,
        unit=unit,
        broken=len(found),
        breaks=tuple(found[:_SHOWN]),
        told=told,
    )
