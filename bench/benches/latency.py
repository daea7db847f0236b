"""The whole platform: how long after a minute is due its closes can be asked for, and what everything costs meanwhile.

The peer is the same platform with Dagster's default launcher, a process for every run, and its default executor, a
process for every step. Processor time is that of all processes but the simulated world. Each side runs once and waits
for the ticks; figures are over these.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import quantiles
from typing import Final

import psycopg

from bench.contest import Bench, Beside, Contest, Measure, Row, Side, Within, faster
from bench.platforms import OURS, Platform, running_platform
from bench.room import Room
from cryptoflow.cadence import Grain, bucket_end

_DEFAULT: Final = (sys.executable, "-m", "bench.default_platform")
_WARM_TICKS: Final = 3
_START_SECONDS: Final = 600.0
_TICK_SECONDS: Final = 300.0
_NEWEST: Final = """
    SELECT slot, assets_observed FROM ops.slots
    WHERE dataset = 'raw.market_snapshots' AND provider = 'coingecko' AND state = 'observed'
    ORDER BY slot DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watched:
    """What was seen of the ticks."""

    latencies: Sequence[float]
    assets: Sequence[int]
    cpu_seconds_a_minute: float

    def figures(self) -> Mapping[Measure, float]:
        """For the table."""
        return {Measure.SECONDS: _p95(self.latencies), Measure.CPU: self.cpu_seconds_a_minute}


@contextmanager
def _open(_: Room, items: int) -> Iterator[Contest]:
    beside = _side("default launcher and executor", lambda: _watch(_DEFAULT, ticks=items, home_last=True))
    yield Contest(
        ours=_side("ours", lambda: _watch(OURS, ticks=items)),
        beside=(
            Beside(side=beside, goal=faster(1)),
            Beside(side=beside, goal=faster(5), measure=Measure.CPU),
        ),
        within=(Within(name="two seconds, for 95 of 100 ticks", figure=2.0),),
    )


def _side(name: str, work: Callable[[], _Watched]) -> Side[_Watched]:
    return Side(name=name, work=work, rows=_rows, figures=_Watched.figures)


def _rows(made: _Watched) -> list[Row]:
    """Ranks move meanwhile, so that a page brings an asset more or less."""
    return [(number, assets > 0) for number, assets in enumerate(made.assets)]


def _watch(command: Sequence[str], *, ticks: int, home_last: bool = False) -> _Watched:
    with running_platform(command, home_last=home_last) as platform:
        platform.wait_for(lambda: platform.ask(_NEWEST), seconds=_START_SECONDS, what="a first tick")
        endpoints = platform.endpoints()
        assert endpoints is not None
        with psycopg.connect(endpoints.database_url, autocommit=True) as connection:
            for _ in range(_WARM_TICKS):
                _next_tick(platform, connection)
            used, since = platform.cpu_seconds(), time.monotonic()
            seen = [_next_tick(platform, connection) for _ in range(ticks)]
            minutes = (time.monotonic() - since) / 60
            used = platform.cpu_seconds() - used
    return _Watched(
        latencies=[seconds for seconds, _ in seen],
        assets=[assets for _, assets in seen],
        cpu_seconds_a_minute=used / minutes,
    )


def _next_tick(platform: Platform, connection: psycopg.Connection[Row]) -> tuple[float, int]:
    """Wait for the next minute to be there; returns how long after it was due, and its assets."""
    last = _newest(connection)

    def newer() -> tuple[float, int] | None:
        newest = _newest(connection)
        if newest is None or newest == last:
            return None
        slot, assets = newest
        return (datetime.now(UTC) - slot).total_seconds(), assets

    time.sleep(max((bucket_end(datetime.now(UTC), Grain.MINUTE) - datetime.now(UTC)).total_seconds(), 0))
    return platform.wait_for(newer, seconds=_TICK_SECONDS, what="another tick")


def _newest(connection: psycopg.Connection[Row]) -> tuple[datetime, int] | None:
    row = connection.execute(_NEWEST).fetchone()
    if row is None:
        return None
    slot, assets = row
    assert isinstance(slot, datetime)
    assert isinstance(assets, int)
    return slot, assets


def _p95(seconds: Sequence[float]) -> float:
    return quantiles(seconds, n=20, method="inclusive")[-1] if len(seconds) > 1 else seconds[0]


BENCHES: Final = (Bench(name="latency", about="ticks of the whole platform", items=30, open=_open, on_request=True),)
