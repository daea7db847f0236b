"""How far the first history of a fresh installation has come, looked up beside the supervisor's loop.

A thread of its own asks the warehouse, so that a database that is slow or away delays no part; what cannot be read is
not shown. It ends when the history is whole. What does not belong here: showing it (view), fetching it (collect).
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from typing import Final

import psycopg

from cryptoflow.errors import CryptoflowError
from cryptoflow.runtime.external import open_connection
from cryptoflow.sources.providers import COINGECKO
from cryptoflow.warehouse.history import FirstHistory, first_history

_PERIOD_SECONDS: Final = 3.0


@dataclass(slots=True)
class FirstHourWatch:
    """Looks until there is nothing more to see, or until it is closed."""

    database_url: str
    most: int
    latest: FirstHistory | None = None
    """None: nothing is known yet, or there was nothing to watch from the beginning."""
    _stop: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Begin to look."""
        threading.Thread(target=self._watch, name="first hour", daemon=True).start()

    def close(self) -> None:
        """Look no more."""
        self._stop.set()

    def _watch(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(CryptoflowError, psycopg.Error):
                found = self._look()
                if self.latest is not None or not found.is_whole:
                    self.latest = found
                if found.is_whole:
                    return
            self._stop.wait(_PERIOD_SECONDS)

    def _look(self) -> FirstHistory:
        with open_connection(self.database_url) as connection:
            return first_history(connection, provider=COINGECKO, most=self.most)
