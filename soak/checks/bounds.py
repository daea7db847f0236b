"""Whether the platform stays within bounds and came back whole: memory, event log, queues, stuck runs, doctor.

What does not belong here: measuring (figures), the rows of the market.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final

import psycopg
from psycopg import sql

from cryptoflow.ops.event_log import MOST_BYTES
from cryptoflow.settings import load_settings
from soak.checks.verdict import Verdict, verdict
from soak.figures import Figures
from soak.trial import Recovery

# What no part may ever use, and what it may grow by in an hour at the pace of a soak. A worker's process is replaced
# after some hundred runs, so its memory creeps and falls.
MOST_MEBIBYTES: Final = 1_024.0
MOST_GROWTH_MEBIBYTES_PER_HOUR: Final = 600.0
# Growth is judged over so long, of one process.
SHORTEST_SECONDS: Final = 240.0
_SIXTHS: Final = 6
# What was not looked at for longer was not watched.
_WATCHED_SECONDS: Final = 60.0
_WORLD: Final = "(simulator)"
# What the schedules of every minute start, and as many again for what sensors add.
_RUNS_AN_HOUR: Final = 4 * 60
_MEBIBYTE: Final = 1024**2
_OPEN: Final = "SELECT dataset, provider, start_time, run_id FROM ops.collection_status WHERE status = 'running'"
_DIRTY: Final = ("ops.dirty_buckets", "candles.dirty_candles")


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """How the memory of one part went: its peak, and its growth where it was watched for long enough."""

    part: str
    peak_mebibytes: float
    growth_mebibytes_per_hour: float | None


def memory_of(measured: Sequence[Figures]) -> list[Memory]:
    """Of each part of the platform, over all that was measured."""
    names = sorted({name for one in measured for name in one.parts if name != _WORLD})
    return [
        Memory(
            part=name,
            peak_mebibytes=max(one.parts[name].mebibytes for one in measured if name in one.parts),
            growth_mebibytes_per_hour=_growth(_longest_life(measured, name)),
        )
        for name in names
    ]


def _longest_life(measured: Sequence[Figures], name: str) -> list[tuple[float, float]]:
    """Instants and sizes of the process of the part that was watched longest without a break."""
    lives: list[list[tuple[float, float]]] = []
    pid, at = 0, 0.0
    for one in measured:
        if name not in one.parts:
            continue
        if one.parts[name].pid != pid or one.at - at > _WATCHED_SECONDS:
            lives.append([])
        pid, at = one.parts[name].pid, one.at
        lives[-1].append((at, one.parts[name].mebibytes))
    return max(lives, key=len)


def _growth(life: Sequence[tuple[float, float]]) -> float | None:
    """From each sixth to the next, by their lowest: what is lost never comes back, what work needs does.

    The first sixth is the start. Of the four steps the middle counts: what creeps grows in each of them, what is
    imported when it is first needed (an hourly look at expectations) in one.
    """
    length = len(life) // _SIXTHS
    if not length or life[-1][0] - life[0][0] < SHORTEST_SECONDS:
        return None
    sixths = [life[begin : begin + length] for begin in range(len(life) % length + length, len(life), length)]
    return median(_step(earlier, later) for earlier, later in pairwise(sixths))


def _step(earlier: Sequence[tuple[float, float]], later: Sequence[tuple[float, float]]) -> float:
    """Between the lowest of two batches as long as each other, in an hour."""
    hours = (later[0][0] - earlier[0][0]) / 3_600
    return (min(size for _, size in later) - min(size for _, size in earlier)) / hours


def memory_is_bounded(measured: Sequence[Figures]) -> Verdict:
    """No part is larger, or grows faster, than it may."""
    memories = memory_of(measured)
    grown = [one.growth_mebibytes_per_hour for one in memories if one.growth_mebibytes_per_hour is not None]
    told = f"peak {max((one.peak_mebibytes for one in memories), default=0):.0f} MiB"
    told += f", fastest growth {max(grown):.0f} MiB an hour" if grown else ", too short to judge growth"
    return verdict("memory is bounded", _too_large(memories), looked_at=len(measured), unit="measurements", told=told)


def _too_large(memories: Sequence[Memory]) -> Iterator[str]:
    for one in memories:
        if one.peak_mebibytes > MOST_MEBIBYTES:
            yield f"{one.part} used {one.peak_mebibytes:.0f} MiB; {MOST_MEBIBYTES:.0f} is the most"
        growth = one.growth_mebibytes_per_hour
        if growth is not None and growth > MOST_GROWTH_MEBIBYTES_PER_HOUR:
            yield f"{one.part} grew by {growth:.0f} MiB an hour; {MOST_GROWTH_MEBIBYTES_PER_HOUR:.0f} is the most"


def event_log_is_bounded(measured: Sequence[Figures]) -> Verdict:
    """What a run leaves behind, for as long as runs are kept, stays below what the doctor warns of."""
    known = [(one.event_log_bytes, one.runs) for one in measured if one.event_log_bytes is not None and one.runs]
    if len(known) < 2 or known[-1][1] <= known[0][1]:
        return verdict("Dagster's event log is bounded", (), looked_at=0, unit="runs")
    runs = known[-1][1] - known[0][1]
    each = (known[-1][0] - known[0][0]) / runs
    # So much an hour fills what the doctor warns of in the days that runs are kept.
    most = MOST_BYTES / (24 * load_settings().run_retention_days)
    hourly = each * _RUNS_AN_HOUR
    told = f"{each / 1024:.0f} KiB a run, {hourly / _MEBIBYTE:.0f} MiB an hour at the pace of the schedules"
    breaks = [f"{told}; {most / _MEBIBYTE:.0f} MiB an hour is the most"] if hourly > most else []
    return verdict("Dagster's event log is bounded", breaks, looked_at=runs, unit="runs", told=told)


def nothing_waits(database_url: str, dagster_database_url: str) -> Verdict:
    """No bucket is marked, and no collection is open whose run went well; that of a lost run is closed by the next."""
    breaks: list[str] = []
    with psycopg.connect(database_url) as connection:
        for table in _DIRTY:
            query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*table.split(".")))
            count = connection.execute(query).fetchone()
            if count and count[0]:
                breaks.append(f"{count[0]} buckets are marked in {table}")
        opened = connection.execute(_OPEN).fetchall()
    with psycopg.connect(dagster_database_url) as connection:
        done = {run_id for (run_id,) in connection.execute("SELECT run_id FROM runs WHERE status = 'SUCCESS'")}
    breaks += [
        f"a collection of {dataset} from {provider} runs since {at:%F %T}, though its run went well"
        for dataset, provider, at, run_id in opened
        if run_id in done
    ]
    lost = len(opened) - sum(run_id in done for *_, run_id in opened)
    told = f"{lost} collections of runs that were lost or stopped are still open" if lost else ""
    return verdict("nothing waits", breaks, looked_at=len(_DIRTY) + 1, unit="tables", told=told)


def it_recovered(recovery: Recovery) -> Verdict:
    """All parts well, no run stuck, the doctor finds nothing broken."""
    return verdict(
        "the platform recovered, no run is stuck, the doctor agrees",
        recovery.complaints,
        looked_at=1,
        unit="recovery",
        told=f"after {recovery.seconds:.0f} s",
    )
