"""Files of an exchange's archive, and all that is known from them: a year of one pair.

Ours imports the files as `backfill` does, builds every larger candle up to weeks in the same transactions, finds the
gaps, and certifies every day, as the platform does once a day is over. The limit is that of `backfill`: the prepared
text of the minutes alone, into a heap. That days, weeks, gaps and certificates are right is compared too: what they
must say is reckoned from the minutes of the heap, outside of the measured time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from psycopg import sql

from bench.candle_files import PEERS, STARTS_AT, Downloaded, open_downloaded
from bench.candle_importing import LARGER_CANDLES, import_files
from bench.contest import Bench, Beside, Contest, Row, Side, at_most
from bench.room import Room
from bench.timing import timed_steps
from cryptoflow.collect.candle_certifying import certify_days
from cryptoflow.collect.candle_import import MINUTE
from cryptoflow.settings import load_settings
from cryptoflow.warehouse.candle_gaps import CandleGap, find_candle_gaps
from cryptoflow.warehouse.pool import transaction

_BUILT: Final = """
    SELECT
        interval, open_time, trim_scale(open), trim_scale(high), trim_scale(low), trim_scale(close),
        trim_scale(volume), trim_scale(quote_volume), trade_count, samples
    FROM candles.coarse_candles WHERE interval IN ('1d', '1w') ORDER BY interval, open_time
"""
_RECKONED: Final = """
    SELECT
        length.interval,
        date_bin(length.span, minutes.open_time, TIMESTAMPTZ '2000-01-03 00:00:00+00') AS opens,
        trim_scale((array_agg(open ORDER BY open_time) FILTER (WHERE volume > 0))[1]),
        trim_scale(max(high) FILTER (WHERE volume > 0)), trim_scale(min(low) FILTER (WHERE volume > 0)),
        trim_scale((array_agg(close ORDER BY open_time DESC))[1]),
        trim_scale(sum(volume)), trim_scale(sum(quote_volume)), sum(trade_count)::bigint, count(*)::int
    FROM {}.heap AS minutes
    CROSS JOIN (VALUES ('1d', INTERVAL '1440 minutes'), ('1w', INTERVAL '10080 minutes')) AS length (interval, span)
    GROUP BY length.interval, opens ORDER BY length.interval, opens
"""
_CERTIFIED: Final = "SELECT day, observed_minutes FROM candles.candle_certificates ORDER BY day"
_OBSERVED: Final = """
    SELECT date_trunc('day', open_time, 'UTC') AS day, count(*)::int FROM {}.heap GROUP BY day ORDER BY day
"""
_MISSING: Final = """
    SELECT every.minute
    FROM (SELECT min(open_time) AS first, max(open_time) AS last FROM {0}.heap) AS ends
    CROSS JOIN LATERAL generate_series(ends.first, ends.last, INTERVAL '1 minute') AS every (minute)
    WHERE NOT EXISTS (SELECT FROM {0}.heap AS known WHERE known.open_time = every.minute)
    ORDER BY every.minute
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What ours found, and the seconds of its steps."""

    gaps: list[CandleGap]
    seconds: Mapping[str, float]


@contextmanager
def _open(room: Room, items: int) -> Iterator[Contest]:
    with open_downloaded(room, days=items) as given:
        import_files(given.url, given.pair, given.files, given.received_at)
        prepared = given.as_copied()
        yield Contest(
            ours=Side(work=lambda: _everything(given), before=given.empty, rows=lambda known: _rows(given, known)),
            beside=(
                Beside(
                    side=Side(
                        name="bare COPY of the minutes (limit)",
                        work=lambda: given.copy_bare(prepared),
                        before=given.empty,
                        rows=lambda _: _reckoned_rows(given),
                    ),
                    goal=at_most(5),
                ),
            ),
            steps=lambda known: known.seconds,
        )


def _everything(given: Downloaded) -> _Known:
    with timed_steps(LARGER_CANDLES) as larger:
        start = time.perf_counter()
        import_files(given.url, given.pair, given.files, given.received_at)
        imported = time.perf_counter()
    with transaction(given.url) as connection:
        gaps = find_candle_gaps(connection, given.pair.symbol_id, now=given.received_at)
    looked = time.perf_counter()
    certify_days(load_settings(), start=STARTS_AT, end=given.ends_at, database_url=given.url)
    seconds = {
        "files to minutes": imported - start - larger["larger candles"],
        **larger,
        "gaps": looked - imported,
        "certificates": time.perf_counter() - looked,
    }
    return _Known(gaps=gaps, seconds=seconds)


def _rows(given: Downloaded, known: _Known) -> list[Row]:
    return [
        *given.days(sql.Identifier("candles", "minute_candles")),
        *given.connection.execute(_BUILT),
        *given.connection.execute(_CERTIFIED),
        *((gap.starts + number * MINUTE,) for gap in known.gaps for number in range(gap.minutes)),
    ]


def _reckoned_rows(given: Downloaded) -> list[Row]:
    """The same of the limit: what must follow from its minutes."""
    schema = sql.Identifier(PEERS)
    given.connection.execute(sql.SQL("ANALYZE {}.heap").format(schema))
    return [
        *given.days(sql.Identifier(PEERS, "heap")),
        *(
            row
            for query in (_RECKONED, _OBSERVED, _MISSING)
            for row in given.connection.execute(sql.SQL(query).format(schema))
        ),
    ]


BENCHES: Final = (
    Bench(
        name="backfill-everything",
        about="days of a pair's minutes, from files to weeks, gaps and certificates",
        items=365,
        open=_open,
    ),
)
