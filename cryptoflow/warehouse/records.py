"""From a row of a statement to a record whose fields are its columns, in their order.

A record is a dataclass, or a struct where there are thousands of them.
What does not belong here: which statement, and what its columns mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import get_annotations
from typing import Any, TypeVar

T = TypeVar("T")


def names_of(kind: Callable[..., object]) -> list[str]:
    """The fields of a record, in their order."""
    return list(get_annotations(kind))


def record_of(kind: Callable[..., T], row: Sequence[Any]) -> T:
    """The row as a record; a column too many or too few is an error."""
    return kind(**dict(zip(names_of(kind), row, strict=True)))
