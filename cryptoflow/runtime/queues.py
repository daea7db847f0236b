"""The queues in which runs wait for a worker, and who takes from which.

    RUNS   every run that does not say otherwise
    TICKS  market ticks alone: a price that is not asked for in its minute is gone, so a tick never waits for a run that
           takes long. One worker takes from no other queue; the others take from both. What exchanges tell can be asked
           for later, so candle ticks are runs like any other.

What does not belong here: how many workers there are, and starting them (parts).
"""

from __future__ import annotations

from typing import Final

RUNS: Final = "dagster"
TICKS: Final = "ticks"
OF_WORKERS: Final = f"{TICKS},{RUNS}"
# The launcher's own name for the tag: importing it would import Dagster.
IN_TICKS: Final = {"dagster-celery/queue": TICKS}
