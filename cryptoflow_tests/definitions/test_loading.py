"""The code location loads in a fresh interpreter, quickly, and brings nothing heavy with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

# Imports on the way of every process that executes a run, over what importing Dagster alone costs.
IMPORT_BUDGET_RATIO = 2.0
HEAVY = {"pandas", "pyarrow", "great_expectations", "celery", "fastapi", "starlette", "alembic", "numpy"}
PROBE = """
import json, sys, time
began = time.process_time()
import dagster
dagster_seconds = time.process_time() - began
already = set(sys.modules)
import cryptoflow.definitions as front_door
own_seconds = time.process_time() - began - dagster_seconds
keys = sorted(key.to_user_string() for key in front_door.defs.resolve_all_asset_keys())
new = sorted({name.partition(".")[0] for name in set(sys.modules) - already})
print(json.dumps({"dagster": dagster_seconds, "own": own_seconds, "new": new, "assets": keys}))
"""


@pytest.fixture(scope="module")
def loaded() -> dict[str, object]:
    """What a fresh interpreter says after loading, without any setting and with warnings as errors."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CRYPTOFLOW", "DAGSTER"))}
    answer = subprocess.run(
        [sys.executable, "-W", "error::UserWarning:cryptoflow", "-c", PROBE],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""
    found: dict[str, object] = json.loads(answer.stdout)
    return found


def test_definitions_load_without_any_setting(loaded: dict[str, object]) -> None:
    assert "asset_catalog" in loaded["assets"]  # type: ignore[operator]


def test_nothing_heavy_is_imported(loaded: dict[str, object]) -> None:
    assert HEAVY & set(loaded["new"]) == set()  # type: ignore[call-overload]


def test_own_imports_stay_within_the_budget(loaded: dict[str, object]) -> None:
    assert loaded["own"] < IMPORT_BUDGET_RATIO * loaded["dagster"]  # type: ignore[operator]
