"""The whole definition surface as a file: what changes by accident shows as a diff.

When a change is meant: `make docs` writes the file anew; read the diff, then commit it.
"""

from __future__ import annotations

from cryptoflow.definitions import defs
from cryptoflow_tests.definitions.surface import SNAPSHOT, surface_text


def test_the_surface_is_what_the_snapshot_says() -> None:
    assert surface_text(defs) == SNAPSHOT.read_text()
