"""`python -m bench.default_platform HOME`: `cryptoflow up --demo` with Dagster's default launcher and executor.

Everything else is the platform's own: servers, code server, daemon, webserver, settings of the instance. There is no
worker, because the default launcher starts a process for every run.
What does not belong here: measuring.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final
from unittest.mock import patch

import yaml
from rich.console import Console

from cryptoflow.runtime import platform
from cryptoflow.runtime.part import Member, Part
from cryptoflow.runtime.parts import SCHEMA_STEP, Plan, platform_members
from cryptoflow.runtime.view import view_for
from cryptoflow.settings import load_settings

ROOT: Final = Path(__file__).parent.parent
_OURS: Final = "cryptoflow.definitions"
_DEFAULT: Final = "bench.default_definitions"


def main(home: Path) -> None:
    """Run until a signal asks to stop."""
    with patch.object(platform, "platform_members", _members):
        platform.run_platform(load_settings(home=home), demo=True, view=view_for(Console(stderr=True)))


def _members(plan: Plan) -> list[Member]:
    return [_changed(member, plan) for member in platform_members(plan) if not member.name.startswith("worker-")]


def _changed(member: Member, plan: Plan) -> Member:
    if isinstance(member, Part):
        argv = tuple(_DEFAULT if word == _OURS else word for word in member.argv)
        # Dagster takes the first folder for that of its own program, and leaves it out.
        path = os.pathsep.join([str(plan.home.dagster), str(ROOT)])
        return replace(member, argv=argv, environment={**member.environment, "PYTHONPATH": path})
    return replace(member, action=_then_default(member.action, plan)) if member.name == SCHEMA_STEP else member


def _then_default(action: Callable[[], None], plan: Plan) -> Callable[[], None]:
    def settle() -> None:
        action()
        file = plan.home.dagster / "dagster.yaml"
        instance = yaml.safe_load(file.read_text())
        del instance["run_launcher"]
        file.write_text(yaml.safe_dump(instance))

    return settle


if __name__ == "__main__":
    main(Path(sys.argv[1]))
