"""Asking the doctor as a person does, and what the servers that it looks at have collected.

What does not belong here: what it should say.
"""

from __future__ import annotations

import json
from typing import Any

from typer.testing import CliRunner

from cryptoflow.cli.main import app
from cryptoflow.warehouse.collections import Outcome, close_collection, open_collection
from cryptoflow.warehouse.pool import transaction


def collect(database_url: str, outcome: Outcome, *, provider: str = "coingecko") -> None:
    opened = open_collection(database_url, collection_type="complete", dataset="market.assets", provider=provider)
    with transaction(database_url) as connection:
        close_collection(connection, opened, outcome)


def doctor() -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """Exit code, and what the command says by subject."""
    result = CliRunner().invoke(app, ["doctor", "--json"])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    by_subject: dict[str, list[dict[str, Any]]] = {}
    for finding in json.loads(result.stdout):
        by_subject.setdefault(finding["subject"], []).append(finding)
    return result.exit_code, by_subject


def states(found: dict[str, list[dict[str, Any]]]) -> dict[str, list[str]]:
    return {subject: [finding["state"] for finding in findings] for subject, findings in found.items()}
