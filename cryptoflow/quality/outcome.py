"""What looking at one expectation gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptoflow.quality.rules import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Whether the rule held. Without counts when it could not be looked at; `error` then says why."""

    rule: Rule
    success: bool
    evaluated: int | None = None
    unexpected: int | None = None
    sample: Sequence[Mapping[str, Any]] = ()
    error: str | None = None

    @property
    def is_grave(self) -> bool:
        """An error of the data, or something that could not be looked at at all."""
        return not self.success and self.rule.severity == "error"

    def __str__(self) -> str:
        if self.error is not None:
            return f"{self.rule.name}: could not be looked at: {self.error}"
        return f"{self.rule.name}: {self.unexpected} of {self.evaluated} rows: {self.rule.what}"
