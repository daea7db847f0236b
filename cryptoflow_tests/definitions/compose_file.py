"""docker-compose.yml as Compose reads it: parsed, its variables found and filled in.

What does not belong here: what must be true of the file (test_compose), running it (test_compose_commands).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yml"
ENV_EXAMPLE = ROOT / ".env.docker.example"
OWN_IMAGE = "cryptoflow"

_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>[A-Za-z_]\w*)(?P<operator>:-|:\?)?(?P<rest>[^}]*)\})")
_ENV_LINE = re.compile(r"^(?P<comment># )?(?P<name>[A-Z][A-Z0-9_]*)=(?P<value>\S*)$")


class MissingVariableError(Exception):
    """A required variable has no value; Compose stops with the message that stands in the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One `${NAME...}` in the file."""

    name: str
    default: str | None
    required: bool


def parsed() -> dict[str, Any]:
    """The file with its variables as they are written."""
    document: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text())
    return document


def filled_in(values: Mapping[str, str]) -> dict[str, Any]:
    """The file with its variables replaced by their values, as Compose runs it."""
    document: dict[str, Any] = _filled(parsed(), values)
    return document


def variables() -> list[Variable]:
    """Every use of a variable in the file."""
    found = (match for text in texts(parsed()) for match in _VARIABLE.finditer(text))
    return [
        Variable(
            name=match["name"],
            default=match["rest"] if match["operator"] == ":-" else None,
            required=match["operator"] == ":?",
        )
        for match in found
        if match["name"]
    ]


def documented(path: Path = ENV_EXAMPLE) -> dict[str, str]:
    """The variables of an example env file, also those that are commented out, with the values that it shows."""
    lines = (_ENV_LINE.match(line) for line in path.read_text().splitlines())
    return {line["name"]: line["value"] for line in lines if line}


def texts(node: object) -> Iterator[str]:
    """Every text value below a node."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        for value in node.values():
            yield from texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from texts(value)


def is_own(service: Mapping[str, Any]) -> bool:
    """Does the service run our image?"""
    return bool(service["image"].partition(":")[0] == OWN_IMAGE)


def settings_of_server(service: Mapping[str, Any]) -> dict[str, str]:
    """The `-c name=value` settings on a PostgreSQL command line."""
    words = service["command"]
    pairs = (value for flag, value in itertools.pairwise(words) if flag == "-c")
    return dict(pair.split("=", 1) for pair in pairs)


def _filled(node: Any, values: Mapping[str, str]) -> Any:
    if isinstance(node, str):
        return _VARIABLE.sub(lambda match: _value(match, values), node)
    if isinstance(node, dict):
        return {key: _filled(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, values) for value in node]
    return node


def _value(match: re.Match[str], values: Mapping[str, str]) -> str:
    if match["dollar"]:
        return "$"
    value = values.get(match["name"], "")
    if value or match["operator"] is None:
        return value
    if match["operator"] == ":?":
        raise MissingVariableError(f"{match['name']}: {match['rest']}")
    return match["rest"]
