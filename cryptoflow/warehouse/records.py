"""From a row of a statement to a record whose fields are its columns, in their order.

What does not belong here: which statement, and what its columns mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, TypeVar

T = TypeVar("T")


def record_of(kind: Callable[..., T], row: Sequence[Any]) -> T:
    """The row as a record of a dataclass; a column too many or too few is an error."""
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    return kind(**dict(zip(names, row, strict=True)))
