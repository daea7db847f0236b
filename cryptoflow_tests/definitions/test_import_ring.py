"""The house rule of imports: only `defs/` and the front door know Dagster, and imports run downwards only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import cryptoflow

PACKAGE = Path(cryptoflow.__file__).parent

# Lowest first. A module may import its own floor and those below.
FLOORS: list[set[str]] = [
    {"errors", "settings", "cadence", "resources"},
    {"contracts"},
    {"sources", "refine"},
    {"warehouse"},
    {"collect"},
    {"quality"},
    {"serving"},
    {"simulator", "runtime"},
    {"ops", "documents"},
    {"cli", "defs"},
    {"definitions"},
]
FLOOR_OF = {name: height for height, floor in enumerate(FLOORS) for name in floor}
DAGSTER_HOUSE = {"defs", "definitions"}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def part_of(path: Path) -> str:
    """The top-level package or module that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(source: str) -> Iterator[str]:
    """Every module that the source imports, at the top or inside functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def breaches(part: str, source: str) -> list[str]:
    """What a module of the part imports against the rule."""
    found = []
    for name in imported(source):
        root, _, rest = name.partition(".")
        if root.startswith("dagster") and part not in DAGSTER_HOUSE:
            found.append(f"imports {name}; only defs/ and definitions.py may")
        target = rest.partition(".")[0]
        if root == "cryptoflow" and target in FLOOR_OF and FLOOR_OF[target] > FLOOR_OF[part]:
            found.append(f"imports {name}, a floor above {part}")
        if root == "cryptoflow" and target == "simulator" and part not in {"simulator", "cli"}:
            found.append(f"imports {name}; the platform must not know that its upstreams are simulated")
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_downwards_only(path: Path) -> None:
    assert part_of(path) in FLOOR_OF, f"{part_of(path)} has no floor; give it one in this test and in the charter"
    assert breaches(part_of(path), path.read_text()) == []


@pytest.mark.parametrize(
    ("part", "source", "told"),
    [
        ("warehouse", "import dagster as dg", "only defs/"),
        ("warehouse", "from dagster_celery import tags", "only defs/"),
        ("refine", "def f():\n    from cryptoflow.warehouse.pool import transaction", "a floor above refine"),
        ("sources", "from cryptoflow import warehouse", "a floor above sources"),
        ("collect", "from cryptoflow.simulator.market import model", "simulated"),
    ],
)
def test_a_breach_is_told(part: str, source: str, told: str) -> None:
    assert any(told in line for line in breaches(part, source))


def test_the_charter_names_every_floor() -> None:
    charter = (PACKAGE / "__init__.py").read_text()
    assert all(name in charter for name in FLOOR_OF)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_opens_with_its_charter(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


# The runtime hands the environment on to the processes it starts; it reads nothing from it.
MAY_TOUCH_THE_ENVIRONMENT = {"settings.py", "runtime/child.py"}


def touches_the_environment(source: str) -> bool:
    """Does the source read `os.environ` or `os.getenv`, by any spelling of the import?"""
    names = {node.attr for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)}
    names |= {name.rpartition(".")[2] for name in imported(source) if name.startswith("os.")}
    return bool({"environ", "getenv", "environb"} & names)


def test_only_the_settings_read_the_environment() -> None:
    readers = {str(path.relative_to(PACKAGE)) for path in MODULES if touches_the_environment(path.read_text())}
    assert readers == MAY_TOUCH_THE_ENVIRONMENT
    assert touches_the_environment("from os import environ")
    assert touches_the_environment("import os\nos.getenv('X')")
