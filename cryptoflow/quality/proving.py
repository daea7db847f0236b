"""Proving a dataset, or all of them: look at the window, keep what was found, bring the pages up to date.

One look at a time, on all hosts: two would write the same pages. What does not belong here: when it is done (defs).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptoflow.quality.data_docs import publish
from cryptoflow.quality.outcome import Outcome
from cryptoflow.quality.results import record_outcomes
from cryptoflow.quality.rules import Suite
from cryptoflow.quality.window import Window, window_of
from cryptoflow.settings import Settings
from cryptoflow.warehouse.locks import dataset_lock
from cryptoflow.warehouse.pool import transaction

_LOCK: Final = "proof of quality"
_LONGEST_WAIT_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What one look at a dataset gave."""

    suite: Suite
    window: Window
    outcomes: Sequence[Outcome]

    @property
    def failed(self) -> list[Outcome]:
        """What did not hold."""
        return [outcome for outcome in self.outcomes if not outcome.success]


def site_folder(settings: Settings) -> Path:
    """Where the pages of Data Docs are."""
    return settings.home_path / "data_docs"


def prove(
    settings: Settings, suites: Sequence[Suite], *, database_url: str, run_id: str | None = None
) -> Iterator[Proof]:
    """Look at one suite after the other; the pages are published when the last was looked at."""
    folder = site_folder(settings)
    with _one_at_a_time(database_url):
        for suite in suites:
            yield _prove(suite, database_url=database_url, folder=folder, run_id=run_id)
        publish(folder)


def _prove(suite: Suite, *, database_url: str, folder: Path, run_id: str | None) -> Proof:
    from cryptoflow.quality.expectations import look

    now = _server_time(database_url)
    window = window_of(suite, now=now)
    outcomes = look(suite, window, database_url=database_url, evaluated_at=now, folder=folder)
    record_outcomes(database_url, suite.dataset, outcomes, window=window, evaluated_at=now, run_id=run_id)
    return Proof(suite=suite, window=window, outcomes=outcomes)


@contextmanager
def _one_at_a_time(database_url: str) -> Iterator[None]:
    with dataset_lock(database_url, _LOCK, wait_seconds=_LONGEST_WAIT_SECONDS):
        yield


def _server_time(database_url: str) -> datetime:
    """The database's own clock, by which `recorded_at` is stamped; asking it first says clearly when it is away."""
    with transaction(database_url) as connection:
        row = connection.execute("SELECT now()").fetchone()
    assert row is not None
    instant: datetime = row[0]
    return instant.astimezone(UTC)
