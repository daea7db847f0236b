"""Options that several commands share, so that they read and behave alike."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cryptoflow.errors import UsageError

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="Folder of this installation's data. Default: CRYPTOFLOW_HOME, else the data folder."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")]
SinceOption = Annotated[str, typer.Option("--since", help="From this instant on, e.g. 2026-01-31T12:00Z.")]


def instant_of(text: str) -> datetime:
    """An ISO time as an instant; UTC when it names no zone."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"{text!r} is not an instant.", cure="Write 2026-01-31T12:00Z, or with another offset."
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
