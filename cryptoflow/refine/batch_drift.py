"""Whether an answer is of another nature than the recent past: its times, its rows, its figures. Each row may be sound.

    time_jump       the times are in another unit, or moved days away from our clock
    rows_fell       most of the assets in the ranks that were asked did not come
    field_vanished  a figure is missing from most of the assets that had it
    frozen_values   price and volume of nearly all came again and again as they were, though their times moved on
    restated        most of what was stored already is told otherwise, for the same instants

Each function takes the rows of one answer and says what it finds, or None; what follows from it, batch_nature says.
The past are values that were stored: an answer that is released becomes the past of the next. Total and pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from cryptoflow.refine.batch_samples import (
    FIGURES,
    LEAST_ROWS,
    OLDEST_REFERENCE,
    BatchFinding,
    Sample,
    Stood,
    span_words,
)

# A provider that is late is so by minutes or hours, and what it says is true of its own times. A day is another matter.
TIMES_FAR_OFF: Final = timedelta(days=1)
# Lists lose a few coins at a time; a page that lost half of them is no longer that page.
ROWS_LOST_SHARE: Final = Decimal("0.5")
# Figures go missing for one coin and another; for half of those that had it at once only when the provider dropped it.
FIELD_LOST_SHARE: Final = Decimal("0.5")
# A few coins always trade while all others rest; fewer than one in ten means that nothing moved.
FROZEN_SHARE: Final = Decimal("0.9")
# A cache may serve one answer twice; three times in a row is a feed that stands still.
FROZEN_TIMES: Final = 3
# A provider corrects single figures; half of all that it said of an instant is another story.
RESTATED_SHARE: Final = Decimal("0.5")
_THOUSAND: Final = 1000
# Times in another unit are off by a factor of a thousand; half or twice of that still is.
_NEAR_FACTOR: Final = 2


def time_jump(rows: Sequence[Sample], before: Mapping[int, Stood]) -> BatchFinding | None:
    """Most times are those of another unit, or lie days farther from our clock than they lay before."""
    late = sorted((row.fetched_at - row.observed_at, row.observed_at) for row in rows if row.observed_at is not None)
    if len(late) < LEAST_ROWS:
        return None
    lag, observed_at = late[len(late) // 2]
    lags = sorted(stood.fetched_at - stood.observed_at for row in rows if (stood := before.get(row.asset_id)))
    lag_before = lags[len(lags) // 2] if len(lags) >= LEAST_ROWS else None
    unit = _unit_words(observed_at, observed_at + lag)
    # Times that come nearer to our clock than they were are a clock that was set right.
    is_near = abs(lag) <= TIMES_FAR_OFF + abs(lag if lag_before is None else lag_before)
    if unit is None and is_near:
        return None
    where = "" if lag_before is None else f", and lay {_side_words(lag_before)} before"
    what = (
        f"the times of most of {len(late)} rows lie {_side_words(lag)} (around"
        f" {observed_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC){where}: "
        f"{unit or 'another unit, or a clock that is far off'}"
    )
    return BatchFinding(nature="time_jump", what=what)


def _side_words(lag: timedelta) -> str:
    return f"{span_words(abs(lag))} in the {'past' if lag >= timedelta(0) else 'future'}"


def _unit_words(observed_at: datetime, fetched_at: datetime) -> str | None:
    """Which units were taken for each other; None: times of our own unit."""
    ratio = observed_at.timestamp() / fetched_at.timestamp()
    if _THOUSAND / _NEAR_FACTOR <= ratio <= _THOUSAND * _NEAR_FACTOR:
        return "milliseconds were sent where seconds are due"
    if 1 / (_THOUSAND * _NEAR_FACTOR) <= ratio <= _NEAR_FACTOR / _THOUSAND:
        return "seconds were sent where milliseconds are due"
    return None


def rows_fell(rows: Sequence[Sample], stood_there: int | None) -> BatchFinding | None:
    """`stood_there`: how many assets stood in the ranks that the answer was asked for; None: not asked by rank."""
    if stood_there is None or stood_there < LEAST_ROWS or len(rows) > stood_there * (1 - ROWS_LOST_SHARE):
        return None
    what = f"{len(rows)} rows came for ranks in which {stood_there} assets stood before"
    return BatchFinding(nature="rows_fell", what=what)


def field_lost(rows: Sequence[Sample], before: Mapping[int, Stood]) -> BatchFinding | None:
    """The figures that most of the assets lost which had them when they were stored last."""
    known = [
        (row, stood.missing)
        for row, stood in _later(rows, before)
        if stood.missing is not None and abs(_time_of(row) - stood.observed_at) <= OLDEST_REFERENCE
    ]
    lost = []
    for name in FIGURES:
        had = [row for row, missing in known if name not in missing]
        gone = sum(getattr(row, name, None) is None for row in had)
        if len(had) >= LEAST_ROWS and gone >= FIELD_LOST_SHARE * len(had):
            lost.append(f"{name} is missing from {gone} of {len(had)} assets that had it before")
    return BatchFinding(nature="field_vanished", what="; ".join(lost)) if lost else None


def field_missing(rows: Sequence[Sample], before: Mapping[int, Stood]) -> Iterator[BatchFinding]:
    """The figures that no row has, unless they were missing from all of their assets before."""
    if len(rows) < LEAST_ROWS:
        return
    for name in FIGURES:
        if all(getattr(row, name, None) is None for row in rows) and not _never_had(rows, before, name):
            yield BatchFinding(nature="field_vanished", what=f"{name} is missing from each of {len(rows)} rows")


def _never_had(rows: Sequence[Sample], before: Mapping[int, Stood], name: str) -> bool:
    missing = [stood.missing for row in rows if (stood := before.get(row.asset_id)) and stood.missing is not None]
    return len(missing) >= LEAST_ROWS and all(name in one for one in missing)


def frozen(rows: Sequence[Sample], before: Mapping[int, Stood]) -> tuple[BatchFinding | None, bool]:
    """Nearly all figures are those of before; and whether that is so for the third time or more.

    Assets that stood still for as long already are left out: nobody trades them, and they say nothing of the others.
    """
    moved = [(row, stood) for row, stood in _later(rows, before) if stood.unchanged_times < FROZEN_TIMES]
    same = [stood for row, stood in moved if _figures(row) == _figures(stood)]
    if len(moved) < LEAST_ROWS or len(same) < FROZEN_SHARE * len(moved):
        return None, False
    often = sum(stood.unchanged_times == FROZEN_TIMES - 1 for stood in same)
    is_again = often >= FROZEN_SHARE * len(moved)
    times = f", as in the {FROZEN_TIMES - 1} answers before" if is_again else ""
    what = (
        f"the figures of {len(same)} of {len(moved)} assets are exactly those of before{times}, though their times "
        "moved on"
    )
    return BatchFinding(nature="frozen_values", what=what), is_again


def restated(rows: Sequence[Sample], before: Mapping[int, Stood]) -> BatchFinding | None:
    """Another answer says otherwise of the very instants that are stored. The same one read anew is our own doing."""
    again = [
        (row, stood)
        for row in rows
        if (stood := before.get(row.asset_id))
        and row.observed_at == stood.observed_at
        and row.payload_sha256 != stood.payload_sha256
        and row.fetched_at > stood.fetched_at
    ]
    changed = [(row, stood) for row, stood in again if _figures(row) != _figures(stood)]
    if len(again) < LEAST_ROWS or len(changed) < RESTATED_SHARE * len(again):
        return None
    row, stood = changed[0]
    what = (
        f"{len(changed)} of {len(again)} assets are told otherwise for an instant that is stored already; asset "
        f"{row.asset_id} at {stood.observed_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC, price and volume:"
        f" from {_told(stood)} to {_told(row)}"
    )
    return BatchFinding(nature="restated", what=what)


def _later(rows: Sequence[Sample], before: Mapping[int, Stood]) -> Iterator[tuple[Sample, Stood]]:
    """The rows that tell of later than what stands: only of those it is the past."""
    for row in rows:
        stood = before.get(row.asset_id)
        if stood and row.observed_at is not None and row.observed_at > stood.observed_at:
            yield row, stood


def _time_of(row: Sample) -> datetime:
    return row.observed_at or row.fetched_at


def _figures(said: Sample | Stood) -> tuple[Decimal | None, Decimal | None]:
    return said.price_usd, said.volume_24h_usd


def _told(said: Sample | Stood) -> str:
    return " and ".join("none" if value is None else f"{value:f}" for value in _figures(said))
