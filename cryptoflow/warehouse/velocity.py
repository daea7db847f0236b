"""Velocity after the closes: which rows follow from minutes that changed, and computing them.

There are two ways to the same rows. Where the newest minutes of an asset changed, as in every tick, its rows from the
first changed minute on are computed at once from the integrals that stand before them. Where older ones changed, the
hours whose figures they enter are marked, and marked hours are computed from closes alone: a few at once, and many
after the write, a batch a transaction (collect.rebuild), so that other writers wait for one batch at most.
What does not belong here: the statements (velocity_statements), the formulas (refine.velocity).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Final

from cryptoflow.cadence import Grain, bucket_end, bucket_start
from cryptoflow.contracts import contract_of
from cryptoflow.contracts.closes import minute_close
from cryptoflow.contracts.velocity import velocity
from cryptoflow.refine.velocity import HOLD
from cryptoflow.refine.velocity_reach import hours_reached
from cryptoflow.warehouse.arrays import instant_array, integer_array
from cryptoflow.warehouse.marks import Key, take_marks
from cryptoflow.warehouse.partitions import ensure_partitions, missing_partitions, partitions_of
from cryptoflow.warehouse.planner import joined_at_once
from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.statements import statement
from cryptoflow.warehouse.velocity_statements import hours_before, hours_statement, tail_statement

MARK: Final = "velocity"
# Providers state their times some minutes apart: such a minute is still one of the newest.
TAIL: Final = timedelta(minutes=15)
# So many hours of assets are computed within the write that marks them; more are left until after it.
HOURS_PER_WRITE: Final = 1_000
_MINUTES_PER_HOUR: Final = 60
_LONGEST_WINDOW: Final = timedelta(hours=24)
_NEVER: Final = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed:
    """Marked hours that were computed, and how many of their rows say something new."""

    marked: int
    changed: int


def follow_closes(connection: Connection, changed: Collection[Key], *, recorded_at: datetime) -> int:
    """Compute or mark what follows from minute closes that changed; every coarser close must be built before.

    Returns how many rows of velocity say something new.
    """
    if not changed:
        return 0
    newest = _newest_minute(connection)
    waiting = _waiting_assets(connection)
    waiting |= {asset for bucket, asset in changed if bucket < newest - TAIL}
    tail = [key for key in changed if key[1] not in waiting]
    moved = _compute_tail(connection, tail, newest=newest, recorded_at=recorded_at)
    if not waiting:
        return moved
    marked = _mark(connection, [key for key in changed if key[1] in waiting], newest=newest)
    # The newest come first: where many wait from before, those of this write alone are computed with it.
    all_marked = _count_marked(connection)
    few = all_marked if all_marked <= HOURS_PER_WRITE else marked
    if 0 < few <= HOURS_PER_WRITE:
        moved += compute_marked(connection, recorded_at=recorded_at, most=few).changed
    return moved


def mark_hours(connection: Connection, hours: Collection[Key]) -> None:
    """Mark what follows from hour closes that were built by themselves, later than their minutes were written."""
    if hours:
        _mark(connection, hours, newest=_newest_minute(connection))


def compute_marked(connection: Connection, *, recorded_at: datetime, most: int) -> Computed:
    """Take up to `most` marked hours, the newest first, and compute their rows."""
    taken = take_marks(connection, MARK, most=most)
    by_day: dict[datetime, list[Key]] = defaultdict(list)
    for hour, asset in taken:
        by_day[bucket_start(hour, Grain.DAY)].append((hour, asset))
    # The same for every day, and found out once: that takes nearly as long as the hours of a day.
    let_go_until = cache(partial(_let_go_until, connection))
    changed = sum(
        _compute_hours(connection, keys, recorded_at=recorded_at, let_go_until=let_go_until)
        for _, keys in sorted(by_day.items())
    )
    return Computed(marked=len(taken), changed=changed)


def _count_marked(connection: Connection) -> int:
    """Hours of assets that wait to be computed."""
    row = connection.execute("SELECT count(*) FROM ops.dirty_buckets WHERE grain = %s", (MARK,)).fetchone()
    assert row is not None
    return int(row[0])


def _newest_minute(connection: Connection) -> datetime:
    """The newest minute of all; long ago when there is none."""
    row = connection.execute(statement("market/select_newest_minute")).fetchone()
    newest: datetime = row[0] if row else _NEVER
    return newest.astimezone(UTC)


def _waiting_assets(connection: Connection) -> set[int]:
    """Assets with marked hours: integrals of theirs may be about to change, so nothing is built upon them."""
    rows = connection.execute("SELECT DISTINCT asset_id FROM ops.dirty_buckets WHERE grain = %s", (MARK,))
    return {asset for (asset,) in rows}


def _mark(connection: Connection, changed: Collection[Key], *, newest: datetime) -> int:
    """Mark the hours that these minutes reach; returns how many were not marked before."""
    reached = hours_reached(changed, until=newest)
    if not reached:
        return 0
    hours, assets = zip(*reached, strict=True)
    with joined_at_once(connection, len(reached)):
        return connection.execute(
            statement("ops/mark_velocity"),
            {
                "grain": MARK,
                "hours": instant_array(hours),
                "assets": integer_array(assets),
                "starts": hours[0],
                "ends": hours[-1],
            },
        ).rowcount


def _compute_tail(connection: Connection, changed: Sequence[Key], *, newest: datetime, recorded_at: datetime) -> int:
    """From the first changed minute of each asset to the newest, a day at a time: each builds upon the one before."""
    first: dict[int, datetime] = {}
    for bucket, asset in changed:
        first[asset] = min(bucket, first.get(asset, bucket))
    if not first:
        return 0
    let_go_until = partial(_let_go_until, connection)
    kept_until = _kept_until(min(first.values()), now=recorded_at, let_go_until=let_go_until)
    moved = 0
    day = bucket_start(min(first.values()), Grain.DAY)
    while day <= newest:
        end = bucket_end(day, Grain.DAY)
        of_day = {asset: max(bucket, day) for asset, bucket in first.items() if bucket < end}
        ensure_partitions(connection, velocity, {day})
        low, high = min(of_day.values()), min(newest, end - timedelta(minutes=1))
        with joined_at_once(connection, len(of_day)):
            moved += connection.execute(
                tail_statement(),
                {
                    "assets": integer_array(of_day),
                    "froms": instant_array(of_day.values()),
                    "low": low,
                    "high": high,
                    "hours_before": hours_before(_hours_from(low, until=high)),
                    "kept_until": kept_until,
                    "recorded_at": recorded_at,
                },
            ).rowcount
        day = end
    return moved


def _hours_from(instant: datetime, *, until: datetime) -> list[datetime]:
    """The hours from that of one instant to that of another."""
    first = bucket_start(instant, Grain.HOUR)
    return [first + number * timedelta(hours=1) for number in range((until - first) // timedelta(hours=1) + 1)]


def _compute_hours(
    connection: Connection, keys: Sequence[Key], *, recorded_at: datetime, let_go_until: Callable[[], datetime]
) -> int:
    """Hours of assets within one day."""
    hours, assets = zip(*keys, strict=True)
    if missing_partitions(connection, minute_close, set(hours)):
        # The hours are kept, their minutes were let go.
        return 0
    ensure_partitions(connection, velocity, set(hours))
    kept_until = _kept_until(min(hours), now=recorded_at, let_go_until=let_go_until)
    with joined_at_once(connection, len(keys) * _MINUTES_PER_HOUR):
        return connection.execute(
            hours_statement(),
            {
                "hours": instant_array(hours),
                "assets": integer_array(assets),
                "low": min(hours),
                "high": max(hours) + timedelta(hours=1),
                "hours_before": hours_before(set(hours)),
                "kept_until": kept_until,
                "recorded_at": recorded_at,
            },
        ).rowcount


def _kept_until(minute: datetime, *, now: datetime, let_go_until: Callable[[], datetime]) -> datetime:
    """Up to when minutes from this one on look back on a day that is no longer kept; long ago when none was let go."""
    days = contract_of(minute_close).retention.days
    assert days is not None
    return _NEVER if minute - _LONGEST_WINDOW - HOLD > now - timedelta(days=days) else let_go_until()


def _let_go_until(connection: Connection) -> datetime:
    """The same, whichever minute is meant."""
    oldest = min((partition.starts for partition in partitions_of(connection, [minute_close])), default=None)
    if oldest is None:
        return _NEVER
    # Hours are kept for ever: where there are some and no minutes, the minutes were let go.
    were_older = connection.execute(statement("market/select_hours_before"), {"instant": oldest}).fetchone()
    return oldest + _LONGEST_WINDOW + HOLD if were_older else _NEVER
