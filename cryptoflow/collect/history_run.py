"""One run of asking for history: charts one by one, written in batches, until there is a reason to stop.

What does not belong here: what is asked for (refine.history_plan), what becomes of slots (history).
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptoflow.cadence import Grain, bucket_start
from cryptoflow.collect.asking import Tally
from cryptoflow.collect.charts import ChartAnswer, ask_chart
from cryptoflow.collect.rebuild import catch_up
from cryptoflow.refine.history_plan import ChartRequest, HistoryBudget, pause_seconds
from cryptoflow.sources.coingecko import CoinGecko
from cryptoflow.sources.errors import (
    BadRequest,
    CircuitOpen,
    KeyRejected,
    NotFound,
    PlanExcludes,
    ProviderError,
    QuotaSpent,
    RateLimited,
)
from cryptoflow.sources.http import ProviderClient
from cryptoflow.warehouse.chart_points import store_chart_points
from cryptoflow.warehouse.collections import Collection, progress_collection
from cryptoflow.warehouse.history import AskedFor, RequestState, record_requests
from cryptoflow.warehouse.minutes import Written
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.quarantine import quarantine

BATCH_CHARTS: Final = 10
# Points of one transaction: the writers of closes take turns, and a tick must not wait for a whole batch of charts.
_SLICE_POINTS: Final = 3_000
# What is reckoned with until a batch was written: more than it takes on a machine that does nothing else.
_SECONDS_A_POINT: Final = 0.001
TIME_IS_OVER: Final = "its time was over"
# So many failures in a row are the provider's, not those of single charts.
_MOST_FAILURES_IN_A_ROW: Final = 3
_REST: Final = timedelta(minutes=2)
_LEAST_REST: Final = timedelta(minutes=1)


@dataclass(slots=True, kw_only=True)
class HistoryRun:
    """A run while it goes on. What is asked and not yet written is in `batch`."""

    plan: Sequence[ChartRequest]
    budget: HistoryBudget
    provider: str
    database_url: str
    collection: Collection
    tally: Tally
    now: datetime
    run_id: str | None
    on_progress: Callable[[HistoryRun], None] | None = None
    answered: int = 0
    without_points: int = 0
    refused_requests: int = 0
    failed: int = 0
    points: int = 0
    stored: int = 0
    quarantined: int = 0
    minutes: int = 0
    points_by_hour: Counter[datetime] = field(default_factory=Counter)
    stopped_by: str | None = None
    error: ProviderError | None = None
    goes_on_at: datetime | None = None
    batch: list[tuple[AskedFor, ChartAnswer | None]] = field(default_factory=list)
    failures: list[AskedFor] = field(default_factory=list)
    """Failures that may be the provider's as a whole; they count only beside something that was answered."""
    failures_in_a_row: int = 0
    seconds_a_point: float = _SECONDS_A_POINT
    """What writing took of the last batch."""

    @property
    def was_answered(self) -> bool:
        """Whether anything was said to a request, be it that there is nothing."""
        return bool(self.answered or self.without_points or self.refused_requests)

    def is_paid_for(self) -> bool:
        """Whether one more call is within the budget."""
        return self.budget.calls is None or self.tally.calls < self.budget.calls

    def writing_seconds(self) -> float:
        """How long it will take to write what was asked."""
        return self.seconds_a_point * sum(len(answer.points) for _, answer in self.batch if answer)

    def stop(self, why: str, *, goes_on_at: datetime, error: ProviderError | None = None) -> None:
        """Ask no more."""
        self.stopped_by, self.goes_on_at, self.error = why, goes_on_at, error

    def note(self, request: ChartRequest, answer: ChartAnswer) -> None:
        """The chart came, with points or without."""
        priced = sum(point.price_usd is not None for point in answer.points)
        self.answered += bool(priced)
        self.without_points += not priced
        reason = None if priced else "market_chart has no point of it."
        state: RequestState = "answered" if priced else "source_has_none"
        self._add(request, state=state, reason=reason, answer=answer)

    def note_refusal(self, request: ChartRequest, reason: str) -> None:
        """The provider will never give the chart."""
        self.refused_requests += 1
        self._add(request, state="refused", reason=reason, answer=None)

    def note_failure(self, request: ChartRequest, error: ProviderError) -> None:
        """No chart came this time. After the last attempt it counts as refused, unless nobody is answered anything."""
        self.failures_in_a_row += 1
        self.failed += 1
        state: RequestState = "refused" if request.is_last_attempt else "failed"
        self.failures.append(
            AskedFor(request=request, state=state, reason=error.what, points=0, asked_at=datetime.now(UTC))
        )

    def _add(
        self, request: ChartRequest, *, state: RequestState, reason: str | None, answer: ChartAnswer | None
    ) -> None:
        self.failures_in_a_row = 0
        points = len(answer.points) if answer else 0
        asked = AskedFor(request=request, state=state, reason=reason, points=points, asked_at=datetime.now(UTC))
        self.batch.append((asked, answer))

    def write(self) -> None:
        """Store the batch, slice by slice in time, and with the last one the record of what was asked.

        What was asked is recorded when all of it is stored, never before. What follows is computed for the whole batch
        at once, because the hours that its slices reach are largely the same.
        """
        began = time.monotonic()
        answers = [answer for _, answer in self.batch if answer]
        points = sorted((point for answer in answers for point in answer.points), key=lambda point: point.observed_at)
        refused = [row for answer in answers for row in answer.refused]
        told = [asked for asked, _ in self.batch] + (self.failures if self.was_answered else [])
        slices = [points[start : start + _SLICE_POINTS] for start in range(0, len(points), _SLICE_POINTS)] or [[]]
        for part in slices[:-1]:
            with transaction(self.database_url) as connection:
                self._count(store_chart_points(connection, part))
        with transaction(self.database_url) as connection:
            self._count(store_chart_points(connection, slices[-1]))
            quarantine(connection, refused)
            record_requests(connection, told, provider=self.provider, run_id=self.run_id)
            progress_collection(
                connection,
                self.collection,
                processed=self.answered,
                failed=self.refused_requests + self.failed,
                calls=self.tally.calls,
            )
        catch_up(self.database_url)
        self.quarantined += len(refused)
        self.points_by_hour.update(bucket_start(point.observed_at, Grain.HOUR) for point in points)
        if points:
            self.seconds_a_point = (time.monotonic() - began) / len(points)
        self.batch.clear()
        self.failures.clear()

    def _count(self, written: Written) -> None:
        self.points += written.received
        self.stored += written.stored
        self.quarantined += written.refused
        self.minutes += written.minutes


async def ask_requests(client: ProviderClient, run: HistoryRun, *, seconds: float | None) -> None:
    """Ask for the charts of the plan, at least one, until there is a reason to stop; write what came.

    The time that is given is for writing as well: asking stops when the rest of it is needed for that.
    """
    gecko = CoinGecko(client)
    deadline = None if seconds is None else time.monotonic() + seconds
    pause, next_at = pause_seconds(run.budget), time.monotonic()
    for number, request in enumerate(run.plan):
        if not run.is_paid_for():
            run.stop("the reserve of the quota is used", goes_on_at=run.budget.until or run.now)
            break
        if number and deadline is not None and max(next_at, time.monotonic()) + run.writing_seconds() >= deadline:
            run.stop(TIME_IS_OVER, goes_on_at=run.now)
            break
        await asyncio.sleep(max(0.0, next_at - time.monotonic()))
        next_at = time.monotonic() + pause
        await _ask_one(gecko, request, run)
        if run.on_progress:
            run.on_progress(run)
        if run.stopped_by:
            break
        if len(run.batch) >= BATCH_CHARTS:
            run.write()
    run.write()


async def _ask_one(gecko: CoinGecko, request: ChartRequest, run: HistoryRun) -> None:
    try:
        run.note(request, await ask_chart(gecko, request, run_id=run.run_id))
    except (RateLimited, QuotaSpent, CircuitOpen, KeyRejected) as error:
        run.stop(error.what, goes_on_at=_goes_on_at(error, run.now), error=error)
    except (NotFound, BadRequest, PlanExcludes) as error:
        run.note_refusal(request, error.what)
    except ProviderError as error:
        run.note_failure(request, error)
        if run.failures_in_a_row >= _MOST_FAILURES_IN_A_ROW:
            run.stop(error.what, goes_on_at=run.now + _REST, error=error)


def _goes_on_at(error: ProviderError, now: datetime) -> datetime:
    if isinstance(error, QuotaSpent | CircuitOpen):
        return error.until
    seconds = getattr(error, "retry_after_seconds", None)
    return now + max(_REST if seconds is None else timedelta(seconds=seconds), _LEAST_REST)
