"""What is missing of ten million slots of the ledger, and why: twenty providers, a year of minutes each.

A slot is missing when nobody told anything about it, or when it was told not to be observed. The limit counts
what is there, in the index alone. The peer is the usual query: every expected slot of which none was observed.
There are no counts to go by, so that every slot is looked at, in the index.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

import psycopg

from bench.contest import Bench, Beside, Contest, Row, Side, at_most, each, faster
from bench.minutes import some_days_ago
from bench.room import Room
from cryptoflow.warehouse.gaps import Gap, find_gaps

_DATASET: Final = "raw.market_snapshots"
_PROVIDERS: Final = 20
_MINUTE: Final = timedelta(minutes=1)
_MAKE: Final = """
    INSERT INTO ops.slots (
        dataset, provider, slot, state, reason, assets_expected, assets_observed, assets_refused
    )
    SELECT
        %(dataset)s, 'provider ' || provider, %(starts)s + number * INTERVAL '1 minute',
        CASE WHEN mod(number, 4001) = 17 THEN 'throttled' ELSE 'observed' END,
        CASE WHEN mod(number, 4001) = 17 THEN 'The quota is spent.' END, 250, 250, 0
    FROM generate_series(1, %(providers)s) AS providers (provider)
    CROSS JOIN generate_series(0, %(slots)s - 1) AS slots (number)
    WHERE number = 0 OR mod(number + provider, 5003) <> 29
"""
_COUNT: Final = "SELECT count(*) FROM ops.slots WHERE dataset = %s"
_ANTI_JOIN: Final = """
    SELECT providers.provider, expected.slot
    FROM (
        SELECT provider, min(slot) AS first_slot FROM ops.slots WHERE dataset = %(dataset)s GROUP BY provider
    ) AS providers
    CROSS JOIN LATERAL generate_series(
        providers.first_slot, %(ends)s::timestamptz - INTERVAL '1 minute', INTERVAL '1 minute'
    ) AS expected (slot)
    WHERE NOT EXISTS (
        SELECT FROM ops.slots AS known
        WHERE
            known.dataset = %(dataset)s AND known.provider = providers.provider AND known.slot = expected.slot
            AND known.state = 'observed'
    )
    ORDER BY 1, 2
"""


@contextmanager
def _open(room: Room, items: int) -> Iterator[Contest]:
    # Also in the smallest ledger something is missing.
    slots = max(items // _PROVIDERS, 60)
    starts = some_days_ago(slots // 1440 + 1)
    ends = starts + slots * _MINUTE
    given = {"dataset": _DATASET, "starts": starts, "ends": ends, "slots": slots, "providers": _PROVIDERS}
    with room.warehouse() as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_MAKE, given)
        connection.execute("VACUUM ANALYZE ops.slots")
        yield Contest(
            ours=Side(work=lambda: find_gaps(url, dataset=_DATASET, starts=starts, ends=ends), rows=_slots_of),
            beside=(
                Beside(
                    side=Side(
                        name="index-only count (limit)",
                        work=lambda: connection.execute(_COUNT, (_DATASET,)).fetchall(),
                        rows=lambda made: made,
                    ),
                    goal=at_most(0.6),
                    ours_as=lambda missing: _told(missing, slots=slots),
                ),
                Beside(
                    side=Side(
                        name="generate_series anti-join",
                        work=lambda: connection.execute(_ANTI_JOIN, given).fetchall(),
                        rows=lambda made: made,
                    ),
                    goal=faster(40),
                    ours_as=each(lambda row: row[:2]),
                ),
            ),
        )


def _slots_of(gaps: list[Gap]) -> list[Row]:
    return [(gap.provider, gap.starts + number * _MINUTE, gap.state) for gap in gaps for number in range(gap.slots)]


def _told(missing: Sequence[Row], *, slots: int) -> list[Row]:
    """How many slots somebody told of."""
    return [(_PROVIDERS * slots - sum(state == "feed_down" for _, _, state in missing),)]


BENCHES: Final = (Bench(name="gaps-slots", about="slots, what is missing of them", items=10_000_000, open=_open),)
