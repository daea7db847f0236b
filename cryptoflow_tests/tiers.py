"""The tiers of tests and the rule that keeps each test in its own.

| tier        | may touch                                     | must use                         |
|-------------|-----------------------------------------------|----------------------------------|
| unit        | nothing outside the process                   | no real part                     |
| property    | what its fixtures give                        | hypothesis                       |
| definitions | the definitions, fresh interpreters           | no real part                     |
| database    | PostgreSQL and Valkey                         | one of them                      |
| platform    | servers and processes, over real sockets      | a fixture of its own or a part   |
| browser     | pages in Chromium                             | the browser                      |

A test is judged by the closure of its fixtures, before anything runs; in `unit`, sockets and processes are also closed
while a test runs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

# External servers that the person who runs the tests names; read before the settings are cleared from the tests.
GIVEN: Final = {name: os.environ.get(name) for name in ("CRYPTOFLOW_DATABASE_URL", "CRYPTOFLOW_REDIS_URL")}

TIERS: Final = ("unit", "property", "definitions", "database", "platform", "browser")

# The fixtures that stand for a real part, each with the tiers that may ask for it.
PART_FIXTURES: Final = {
    "database_url": {"database", "property", "platform", "browser"},
    "shared_database_url": {"database", "platform", "browser"},
    "copied_database_url": {"database", "platform"},
    "empty_database_url": {"database", "platform"},
    "postgres_admin_url": {"database", "property", "platform", "browser"},
    "valkey_url": {"database", "property", "platform", "browser"},
    "external_servers": {"platform", "browser"},
    "platform": {"platform", "browser"},
    "browser": {"browser"},
}
PURE_TIERS: Final = {"unit", "definitions"}


def misplaced(tier: str, fixtures: Iterable[str], *, own_fixtures: Iterable[str]) -> str | None:
    """Why a test with these fixtures does not belong in the tier; None when it does."""
    used = [name for name in fixtures if name in PART_FIXTURES]
    foreign = [name for name in used if tier not in PART_FIXTURES[name]]
    if foreign:
        homes = " or ".join(sorted(PART_FIXTURES[foreign[0]]))
        return f"it uses the fixture {foreign[0]!r}, which is not for {tier}; move the test to {homes}"
    if tier == "database" and not used:
        return "it uses neither PostgreSQL nor Valkey; move it to unit"
    if tier == "browser" and "browser" not in used:
        return "it opens no page; move it to platform"
    if tier == "platform" and not used and not list(own_fixtures):
        return "it starts nothing by a fixture; move it to unit, or give the server it starts a fixture"
    return None


_CLOSED_EVENTS: Final = {"socket.connect", "socket.bind", "subprocess.Popen", "os.posix_spawn", "os.fork", "os.exec"}
_closed_for: list[str] = []


class OutsideReached(Exception):
    """A unit test reached outside its process."""


def _refuse(event: str, _arguments: tuple[object, ...]) -> None:
    if _closed_for and event in _CLOSED_EVENTS:
        raise OutsideReached(f"{_closed_for[-1]} is a unit test and must not reach outside its process ({event})")


def watch() -> None:
    """Install the guard, once per process; it sleeps until a test is closed in."""
    sys.addaudithook(_refuse)


@contextmanager
def closed_in(test: str) -> Iterator[None]:
    """No socket and no process while the block runs."""
    _closed_for.append(test)
    try:
        yield
    finally:
        _closed_for.pop()
