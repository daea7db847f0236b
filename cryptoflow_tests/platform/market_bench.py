"""A simulated world, a warehouse, and one way to run a tick from the one into the other: for tests of the market."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import redis

from cryptoflow.collect.planning import SlotPlan, plan_slot
from cryptoflow.collect.snapshots import SnapshotReport, collect_snapshots
from cryptoflow.ops.doctor import look_at_providers
from cryptoflow.ops.finding import Finding
from cryptoflow.ops.market_health import look_at_market, look_at_quota
from cryptoflow.ops.quarantine import look_at_quarantine
from cryptoflow.runtime.home import Endpoints
from cryptoflow.simulator.clock import SimClock
from cryptoflow.simulator.faults import FaultBoard
from cryptoflow.simulator.limits import LimitBook
from cryptoflow.simulator.market.model import Market
from cryptoflow.simulator.server import SimulatorServer
from cryptoflow.simulator.world import World
from cryptoflow_tests.closes_model import FACTS, rows
from cryptoflow_tests.platform.world_bench import WorldBench

PATIENCE_SECONDS = 60.0


class Bench(WorldBench):
    """A simulated world, a warehouse, and one way to run a tick from the one into the other."""

    @property
    def whole(self) -> int:
        return len(self.world.market.assets(self.world.clock.now()))

    def advance(self, seconds: float) -> None:
        self.world.clock.set(now=self.world.clock.now() + seconds)

    def tick(
        self,
        *,
        slot: datetime | None = None,
        run_id: str | None = None,
        calls: Any = None,
        request_seconds: float | None = None,
        **changes: Any,
    ) -> SnapshotReport:
        """A tick that asks for the whole universe, or makes the given calls."""
        return collect_snapshots(
            self.settings(**changes),
            slot=slot or self.minute,
            database_url=self.database_url,
            redis_url=self.valkey_url,
            calls=calls,
            request_seconds=request_seconds,
            run_id=run_id,
        )

    def plan(self, *, slot: datetime | None = None, **changes: Any) -> SlotPlan:
        """The plan as a scheduled tick makes it now."""
        return plan_slot(
            self.settings(**changes),
            self.database_url,
            self.valkey_url,
            slot=slot or self.minute,
            now=datetime.now(UTC),
        )

    def planned_tick(self, planned: SlotPlan, *, slot: datetime | None = None, **changes: Any) -> SnapshotReport:
        """A tick as the schedule runs it."""
        return collect_snapshots(
            self.settings(**changes),
            slot=slot or self.minute,
            database_url=self.database_url,
            redis_url=self.valkey_url,
            calls=planned.calls,
            collection_type=planned.kinds,
            idle=planned.idle,
            request_seconds=30.0,
        )

    def findings(self, **changes: Any) -> list[Finding]:
        """What the doctor says of the market now."""
        endpoints = Endpoints(
            database_url=self.database_url,
            dagster_database_url=self.database_url,
            redis_url=self.valkey_url,
            simulator_url=self.server.url,
        )
        settings = self.settings(**changes)
        looks = (look_at_market, look_at_quota, look_at_providers)
        return [*(finding for look in looks for finding in look(settings, endpoints)), *look_at_quarantine(endpoints)]

    def age_limits(self, seconds: float) -> None:
        """Let so much time pass for what the processes know of refusals together."""
        with redis.Redis.from_url(self.valkey_url, decode_responses=True) as client:
            for key in client.scan_iter("cryptoflow:source:*:state"):
                for field, value in client.hgetall(key).items():
                    if field.endswith("_us"):
                        client.hset(key, field, str(int(float(value) - seconds * 1e6)))
            for key in client.scan_iter("cryptoflow:source:*:window"):
                client.delete(key)

    def asked(self, provider: str, path: str = "") -> int:
        """How many requests the provider saw."""
        return sum(path in seen.path for seen in self.world.traffic.last(limit=2_000, provider=provider))

    def break_provider(self, name: str, provider: str | None = None, **options: Any) -> None:
        self.world.faults.add(name, provider=provider, **options)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return rows(self.database_url, query, *values)

    def slots(self, at: datetime | None = None) -> dict[str, tuple[Any, ...]]:
        """State, assets observed and refused, and reason, by provider."""
        found = self.rows(
            "SELECT provider, state, assets_observed, assets_refused, reason FROM ops.slots WHERE slot = %s",
            at or self.minute,
        )
        return {row[0]: row[1:] for row in found}

    def stored(self, provider: str, slot: datetime | None = None) -> int:
        query = "SELECT count(*) FROM raw.market_snapshots WHERE provider = %s AND slot = %s"
        return int(self.rows(query, provider, slot or self.minute)[0][0])


@contextmanager
def open_bench(market: Market, database_url: str, valkey_url: str, *, start: float) -> Iterator[Bench]:
    """Its time stands still unless a test moves it; the providers' own quotas are out of the way."""
    clock = SimClock(now=start)
    clock.set(freeze=True)
    world = World(market=market, clock=clock, faults=FaultBoard(seed=1), limits=LimitBook())
    for provider, plans in (("coingecko", ("keyless", "demo")), ("coinmarketcap", ("basic",))):
        for plan in plans:
            world.limits.set_quota(provider=provider, plan=plan, window="minute", quota=None)
    with SimulatorServer(world=world) as server:
        yield Bench(server, database_url, valkey_url)


def wait_until(is_so: Callable[[], bool]) -> None:
    """Look again and again until it is so, within the patience of a test."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    pause = threading.Event()
    while not is_so():
        assert time.monotonic() < deadline, "it never came to be"
        pause.wait(0.02)


def assert_nothing_bad_is_visible(bench: Bench) -> None:
    bad = "NOT (price_usd > 0 AND price_usd < 'Infinity'::numeric)"
    for name in FACTS:
        assert bench.rows(f"SELECT count(*) FROM {name} WHERE {bad}") == [(0,)], name
