"""Figures of database and cache, and the thresholds by which they are judged.

Told are more than 80 % of the connections taken, a query of a second, 10 % dead rows, 90 % of the cache's memory used,
fewer than 70 % hits, 100 evictions a second.
What does not belong here: what to alert on (alerts), other things that break (doctor).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Final

import redis

from cryptoflow.ops.finding import Finding, ok, warning
from cryptoflow.ops.table_care import DEAD_RATIO, LEAST_DEAD
from cryptoflow.runtime.external import check_redis
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.records import record_of
from cryptoflow.warehouse.statements import statement

CONNECTIONS_RATIO: Final = 0.80
SLOW_MS: Final = 1000
LEAST_CALLS: Final = 5
DATABASE_HIT_RATIO: Final = 0.90
CACHE_MEMORY_RATIO: Final = 0.90
CACHE_HIT_RATIO: Final = 0.70
EVICTIONS_PER_SECOND: Final = 100
# Fewer look-ups than this say nothing about the share that hits.
LEAST_LOOKUPS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFigures:
    """What the database says of itself."""

    database_bytes: int
    connections: int
    most_connections: int
    hit_ratio: Decimal | None
    slow_statements: int
    slowest_statement: str | None
    dead_ratio: Decimal
    deadest_table: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheFigures:
    """What the cache says of itself. `most_bytes` 0: it has no limit of its own."""

    used_bytes: int
    most_bytes: int
    hits: int
    misses: int
    evicted: int
    uptime_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One threshold: whether it is kept, what was found, and what to do when it is not."""

    name: str
    kept: bool
    said: str
    cure: str


# What each verdict is about, for those who list them before there are figures.
VERDICTS: Final = {
    "connections_have_room": f"At most {CONNECTIONS_RATIO:.0%} of the database's connections are taken.",
    "statements_are_quick": f"No query takes more than {SLOW_MS} ms in the mean of at least {LEAST_CALLS} runs.",
    "dead_rows_are_few": f"No table with {LEAST_DEAD} dead rows has more than {DEAD_RATIO:.0%} of them.",
    "blocks_are_in_memory": f"At least {DATABASE_HIT_RATIO:.0%} of the blocks wanted were in the database's memory.",
    "cache_has_room": f"At most {CACHE_MEMORY_RATIO:.0%} of the cache's memory is used.",
    "cache_is_hit": f"At least {CACHE_HIT_RATIO:.0%} of the cache's look-ups find something.",
    "cache_keeps_its_keys": f"The cache evicts at most {EVICTIONS_PER_SECOND} keys a second.",
}


def measure_database(database_url: str) -> DatabaseFigures:
    """Ask the database."""
    with transaction(database_url) as connection:
        # Sizes are read under a lock: who holds a table for long must not hold up the look at it.
        connection.execute("SET LOCAL lock_timeout = '5s'")
        row = connection.execute(
            statement("ops/select_health_figures"),
            {"slow_ms": SLOW_MS, "least_calls": LEAST_CALLS, "least_dead": LEAST_DEAD},
        ).fetchone()
    assert row is not None
    return record_of(DatabaseFigures, row)


def measure_cache(redis_url: str) -> CacheFigures:
    """Ask the cache."""
    check_redis(redis_url)
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        told: dict[str, Any] = client.info()
    return CacheFigures(
        used_bytes=told["used_memory"],
        most_bytes=told["maxmemory"],
        hits=told["keyspace_hits"],
        misses=told["keyspace_misses"],
        evicted=told["evicted_keys"],
        uptime_seconds=told["uptime_in_seconds"],
    )


def judge(database: DatabaseFigures, cache: CacheFigures, *, before: CacheFigures | None) -> list[Verdict]:
    """Every verdict, in the order of `VERDICTS`. `before` is what the cache said the last time. Pure."""
    return [*_judge_database(database), *_judge_cache(cache, before)]


def look_at_connections(rows: Sequence[Sequence[int]]) -> list[Finding]:
    """What the doctor says of `ops/count_connections`; other figures may be past their thresholds while all works."""
    verdicts = [_judge_connections(taken, most) for taken, most in rows]
    return [
        ok("database", room.said) if room.kept else warning("database", room.said, cure=room.cure) for room in verdicts
    ]


def _judge_connections(taken: int, most: int) -> Verdict:
    return Verdict(
        name="connections_have_room",
        kept=taken <= CONNECTIONS_RATIO * most,
        said=f"{taken} of {most} connections are taken",
        cure="Raise max_connections, or lower CRYPTOFLOW_DATABASE_POOL_SIZE or the number of workers.",
    )


def _judge_database(found: DatabaseFigures) -> list[Verdict]:
    return [
        _judge_connections(found.connections, found.most_connections),
        Verdict(
            name="statements_are_quick",
            kept=found.slow_statements == 0,
            said=f"{found.slow_statements} queries are slow; the slowest: {_one_line(found.slowest_statement)}",
            cure="analytics.slow_statements has them; EXPLAIN the slowest, and see whether its table wants ANALYZE.",
        ),
        Verdict(
            name="dead_rows_are_few",
            kept=found.dead_ratio <= Decimal(str(DEAD_RATIO)),
            said=f"at most {found.dead_ratio:.1%} dead rows, in {found.deadest_table or 'no table'}",
            cure="The daily care vacuums it; a long transaction that holds it up is in pg_stat_activity.",
        ),
        Verdict(
            name="blocks_are_in_memory",
            kept=found.hit_ratio is None or found.hit_ratio >= Decimal(str(DATABASE_HIT_RATIO)),
            said="no block was wanted yet" if found.hit_ratio is None else f"{found.hit_ratio:.1%} were in memory",
            cure="Raise shared_buffers, or give the machine more memory; analytics.cache_hit_ratio tells by table.",
        ),
    ]


def _one_line(query: str | None) -> str:
    return " ".join(query.split()) if query else "none"


def _judge_cache(found: CacheFigures, before: CacheFigures | None) -> list[Verdict]:
    lookups = found.hits + found.misses
    rate = evictions_per_second(found, before)
    return [
        Verdict(
            name="cache_has_room",
            kept=not found.most_bytes or found.used_bytes <= CACHE_MEMORY_RATIO * found.most_bytes,
            said=f"{found.used_bytes} bytes used of {found.most_bytes or 'no limit'}",
            cure="Raise maxmemory on the server, or see with MEMORY USAGE what takes the room.",
        ),
        Verdict(
            name="cache_is_hit",
            kept=lookups < LEAST_LOOKUPS or found.hits >= CACHE_HIT_RATIO * lookups,
            said=f"{found.hits} of {lookups} look-ups found something",
            cure="Look for keys that are asked for and never written, and for lives that are too short.",
        ),
        Verdict(
            name="cache_keeps_its_keys",
            kept=rate <= EVICTIONS_PER_SECOND,
            said=f"{rate:.1f} keys evicted a second",
            cure="Raise maxmemory on the server; locks and counters must never be evicted: volatile-ttl.",
        ),
    ]


def evictions_per_second(found: CacheFigures, before: CacheFigures | None) -> float:
    """Since the last look; since the cache's own start when there was none, or when it was started anew meanwhile."""
    same_life = before is not None and before.uptime_seconds < found.uptime_seconds
    earlier = before if same_life and before is not None else None
    evicted = found.evicted - (earlier.evicted if earlier else 0)
    seconds = found.uptime_seconds - (earlier.uptime_seconds if earlier else 0)
    return max(evicted, 0) / max(seconds, 1)


def as_metadata(figures: DatabaseFigures | CacheFigures) -> dict[str, Any]:
    """The figures by name, without those that are unknown."""
    return {name: value for name, value in asdict(figures).items() if value is not None}


def cache_from_metadata(told: dict[str, Any]) -> CacheFigures | None:
    """The cache's figures back from what `as_metadata` made of them; None when one is missing."""
    names: Sequence[str] = list(CacheFigures.__dataclass_fields__)
    return CacheFigures(**{name: told[name] for name in names}) if all(name in told for name in names) else None
