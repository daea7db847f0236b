"""What the doctor says of one thing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cryptoflow.errors import CryptoflowError

State = Literal["ok", "warning", "broken"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at: how it is, in words, and what to do when it is not well.

    `since`: when it was first seen not to be well; None while nobody saw it before.
    """

    subject: str
    state: State
    what: str
    cure: str | None = None
    since: datetime | None = None


Look = Callable[[], Iterator[Finding]]


def ok(subject: str, what: str) -> Finding:
    """Nothing to do."""
    return Finding(subject=subject, state="ok", what=what)


def warning(subject: str, what: str, *, cure: str) -> Finding:
    """Works, but somebody should look."""
    return Finding(subject=subject, state="warning", what=what, cure=cure)


def broken(subject: str, what: str, *, cure: str) -> Finding:
    """Does not work."""
    return Finding(subject=subject, state="broken", what=what, cure=cure)


@contextmanager
def looking_at(subject: str, findings: list[Finding]) -> Iterator[None]:
    """An error of ours while looking is a finding, not the end of the examination."""
    try:
        yield
    except CryptoflowError as error:
        findings.append(broken(subject, error.what, cure=error.cure))
