"""The sentence that helps after a mistyped name.

What does not belong here: which names exist.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """`Did you mean 'x'? Known: ...`, or only the known names when nothing is near."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    known_names = f"Known: {', '.join(known)}."
    return f"Did you mean {near[0]!r}? {known_names}" if near else known_names
