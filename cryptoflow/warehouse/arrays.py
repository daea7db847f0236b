"""Many values as one parameter: arrays as PostgreSQL's text, written at a fraction of what the driver takes for it.

For thousands of keys; a handful may go as a list. What does not belong here: what the values mean.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime


def integer_array(values: Iterable[int]) -> str:
    """An int[] or bigint[]."""
    return f"{{{','.join(map(str, values))}}}"


def instant_array(values: Iterable[datetime]) -> str:
    """A timestamptz[]. Of keys many share an instant, which is written once."""
    written: dict[datetime, str] = {}
    texts = (written.get(at) or written.setdefault(at, at.isoformat()) for at in values)
    return f"{{{','.join(texts)}}}"
