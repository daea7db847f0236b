"""Where the files live that are not Python: SQL statements, migrations, dagster.yaml, workspace.yaml.

In a checkout they stand at the top level of the repository; in a wheel the build puts the same files
under `cryptoflow/_bundled`. This module is the only one that knows the difference.
"""

from __future__ import annotations

from pathlib import Path

from cryptoflow.errors import PermanentError

_PACKAGE = Path(__file__).resolve().parent


def resource_path(relative: str) -> Path:
    """The path of a bundled file or folder, e.g. `sql/migrations` or `dagster.yaml`."""
    for root in (_PACKAGE.parent, _PACKAGE / "_bundled"):
        candidate = root / relative
        if candidate.exists():
            return candidate
    raise PermanentError(
        f"The file {relative!r} is missing from this installation of cryptoflow.",
        cure="Install cryptoflow again, or run it from a complete checkout.",
    )
