"""The doctor: looks at every part and says what is broken now, with its cure. It changes nothing.

Each `look_at_...` returns its findings; one that cannot look says so as a finding.
What does not belong here: printing, deciding exit codes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import redis

from cryptoflow.errors import CryptoflowError
from cryptoflow.ops.clockwork import look_at_clockwork
from cryptoflow.ops.event_log import look_at_event_log
from cryptoflow.ops.finding import Finding, broken, looking_at, ok, warning
from cryptoflow.ops.health_figures import look_at_connections
from cryptoflow.ops.history import findings_of_history
from cryptoflow.ops.market_health import look_at_market, look_at_quota
from cryptoflow.ops.partitions import look_at_partitions
from cryptoflow.ops.quality_findings import look_at_quality
from cryptoflow.ops.quarantine import look_at_quarantine
from cryptoflow.ops.retention import look_at_retention
from cryptoflow.ops.room import LOOKED_BACK, free_bytes_in, home_name, judge_room, room_samples
from cryptoflow.ops.rows import found_rows, require_answer
from cryptoflow.runtime.bootstrap import dagster_url_beside
from cryptoflow.runtime.external import check_database, check_redis
from cryptoflow.runtime.heartbeat import living_workers
from cryptoflow.runtime.home import Endpoints, Home
from cryptoflow.runtime.status import report
from cryptoflow.settings import Settings, unknown_variables
from cryptoflow.sources.breaker import Circuit, breaker_state
from cryptoflow.sources.http import run_sync
from cryptoflow.sources.providers import Provider, askable
from cryptoflow.sources.valkey import LOST, open_valkey
from cryptoflow.warehouse import migrations

FAILURES_LOOKED_AT: Final = timedelta(hours=1)


def examine(settings: Settings) -> list[Finding]:
    """Look at everything."""
    home = Home(settings.home_path)
    endpoints = _endpoints(settings, home)
    findings: list[Finding] = []
    looks: Sequence[tuple[str, Callable[[], list[Finding]]]] = (
        ("settings", look_at_settings),
        ("disk", lambda: look_at_disk(home.path, endpoints)),
        ("platform", lambda: look_at_parts(settings, home)),
        ("database", lambda: look_at_database(endpoints)),
        ("cache", lambda: look_at_cache(endpoints)),
        ("workers", lambda: look_at_workers(settings, endpoints)),
        ("providers", lambda: look_at_providers(settings, endpoints)),
        ("schedules", lambda: look_at_orchestration(endpoints)),
        ("partitions", lambda: look_at_partitions(endpoints)),
        ("retention", lambda: look_at_letting_go(endpoints)),
        ("collections", lambda: look_at_collections(endpoints)),
        ("market", lambda: look_at_market(settings, endpoints)),
        ("quarantine", lambda: look_at_quarantine(endpoints)),
        ("quota", lambda: look_at_quota(settings, endpoints)),
        ("history", lambda: look_at_history(endpoints)),
        ("quality", lambda: look_at_expectations(endpoints)),
        ("event log", lambda: look_at_record(settings, endpoints)),
    )
    for subject, look in looks:
        with looking_at(subject, findings):
            findings += look()
    return _with_since(findings, endpoints)


def _with_since(findings: Sequence[Finding], endpoints: Endpoints | None) -> list[Finding]:
    """What is not well, with the time at which the alerts saw it first."""
    try:
        rows = found_rows(endpoints, "ops/select_living_alerts") if endpoints else []
    except CryptoflowError:
        rows = []  # that the database is away is a finding already
    seen = {subject: since for subject, since, state, *_ in rows if state in {"suspected", "open"}}
    return [
        finding if finding.state == "ok" else replace(finding, since=seen.get(finding.subject)) for finding in findings
    ]


def _endpoints(settings: Settings, home: Home) -> Endpoints | None:
    """The running platform's endpoints, else external servers by URL, else nothing to look at."""
    if report(home).running:
        return home.read_endpoints()
    if settings.database_url is None:
        return None
    given = settings.dagster_database_url
    return Endpoints(
        database_url=settings.database_url.get_secret_value(),
        # Empty: beside the warehouse. That follows from its URL, which must be a finding when it is none.
        dagster_database_url=given.get_secret_value() if given else "",
        redis_url=settings.redis_url.get_secret_value() if settings.redis_url else None,
    )


def look_at_settings() -> list[Finding]:
    """Names that no setting has: most likely typos, which change nothing silently."""
    strays = [
        warning(
            "settings",
            f"{name} is set, but no setting has that name.",
            cure=f"Did you mean {nearest}?" if nearest else "Remove it; `cryptoflow config` lists the settings.",
        )
        for name, nearest in unknown_variables()
    ]
    return strays or [ok("settings", "every CRYPTOFLOW_ variable is a setting")]


def look_at_disk(folder: Path, endpoints: Endpoints | None) -> list[Finding]:
    """Space where the data are, and when it ends."""
    now = datetime.now(UTC)
    asked = {"home": home_name(folder), "since": now - LOOKED_BACK}
    free = free_bytes_in(folder)
    try:
        rows = found_rows(endpoints, "ops/select_room_samples", asked) if endpoints else []
    except CryptoflowError:
        rows = []  # a full disk is told also when the database is away, perhaps because of it
    return [judge_room(folder, free, room_samples(rows), now=now)]


def look_at_parts(settings: Settings, home: Home) -> list[Finding]:
    """What the supervisor says of its parts."""
    found = report(home)
    if not found.running and settings.database_url is not None:
        return [ok("platform", "its parts are run elsewhere; the servers that the settings name are looked at")]
    if not found.running:
        return [broken("platform", f"nothing runs in {home.path}", cure="Start it with `cryptoflow up`.")]
    sick = [broken("platform", problem, cure=f"Its log is in {home.logs}.") for problem in found.problems]
    restarts = [
        warning(
            part.name,
            f"restarted {part.restarts} times; the last reason: {part.last_problem}",
            cure=f"Read {home.log_file(part.name)}.",
        )
        for part in found.parts
        if part.restarts and part.last_problem
    ]
    return [*sick, *restarts] or [ok("platform", f"{len(found.parts)} parts are well")]


def look_at_database(endpoints: Endpoints | None) -> list[Finding]:
    """Reachable, new enough, of the newest shape, and within its thresholds."""
    if endpoints is None:
        return []
    facts = check_database(endpoints.database_url)
    findings = [ok("database", f"PostgreSQL {facts.version_number // 10_000}.{facts.version_number % 10_000} answers")]
    waiting = [step.version for step in migrations.history(endpoints.database_url) if step.applied_at is None]
    if waiting:
        said = f"migrations are missing: {', '.join(waiting)}"
        return [*findings, broken("database", said, cure="Run `cryptoflow migrate up`.")]
    return [*findings, *look_at_connections(found_rows(endpoints, "ops/count_connections"))]


def look_at_cache(endpoints: Endpoints | None) -> list[Finding]:
    """Reachable, durable, and not evicting what must stay."""
    if endpoints is None or endpoints.redis_url is None:
        return []
    check_redis(endpoints.redis_url)
    with redis.Redis.from_url(endpoints.redis_url, decode_responses=True) as client:
        policy = client.config_get("maxmemory-policy").get("maxmemory-policy")
        durable = client.info("persistence").get("aof_enabled")
    findings = [ok("cache", "Valkey answers")]
    if policy not in {"volatile-ttl", "noeviction"}:
        findings.append(
            warning(
                "cache",
                f"maxmemory-policy is {policy}: locks and counters may be evicted",
                cure="Set maxmemory-policy to volatile-ttl on the server.",
            )
        )
    if not durable:
        findings.append(
            warning(
                "cache",
                "append-only persistence is off: runs in the queue are lost with the server",
                cure="Set appendonly to yes on the server.",
            )
        )
    return findings


def look_at_workers(settings: Settings, endpoints: Endpoints | None) -> list[Finding]:
    """Somebody must take the runs."""
    if endpoints is None or endpoints.redis_url is None:
        return []
    try:
        alive = living_workers(endpoints.redis_url)
    except redis.RedisError:
        return []
    expected = settings.workers + 1  # one is there for market ticks alone
    if len(alive) < expected:
        return [
            broken(
                "workers",
                f"{len(alive)} of {expected} workers beat; runs wait in the queue",
                cure="The supervisor restarts them; if it does not, read the worker's log.",
            )
        ]
    return [ok("workers", f"alive: {', '.join(alive)}")]


def look_at_providers(settings: Settings, endpoints: Endpoints | None) -> list[Finding]:
    """Circuits that are open, and calls that failed lately."""
    if endpoints is None:
        return []
    findings: list[Finding] = []
    asked = askable(settings.model_copy(update={"simulator_url": endpoints.simulator_url}))
    circuits = run_sync(_circuits(endpoints.redis_url, asked)) if endpoints.redis_url else {}
    findings += [
        broken(
            name,
            f"left alone after {circuit.failures} failures in a row: {circuit.last_error}",
            cure="It is asked again by itself; if it stays, see the provider's status page.",
        )
        for name, circuit in circuits.items()
        if circuit.state != "closed"
    ]
    since = {"since_seconds": FAILURES_LOOKED_AT.total_seconds()}
    findings += [
        warning(
            provider,
            f"{failed} of {total} calls failed in the last hour; the last: {error}",
            cure="Retries went on by themselves; raw.fetches has each call.",
        )
        for provider, total, failed, error in found_rows(endpoints, "ops/select_recent_failures", since)
    ]
    return findings or [ok("providers", "no call failed in the last hour")]


async def _circuits(redis_url: str, providers: Sequence[Provider]) -> dict[str, Circuit]:
    """Empty when the cache does not answer: what is wrong with it is a finding of its own."""
    try:
        async with open_valkey(redis_url) as client:
            return {provider.name: await breaker_state(client, provider) for provider in providers}
    except LOST:
        return {}


def look_at_orchestration(endpoints: Endpoints | None) -> list[Finding]:
    """Whether Dagster ticks, and whether its runs begin and end."""
    return look_at_clockwork(_dagster_url(endpoints), now=datetime.now(UTC)) if endpoints else []


def look_at_letting_go(endpoints: Endpoints | None) -> list[Finding]:
    """Whether days that are past their retention go."""
    if endpoints is None:
        return []
    require_answer(endpoints)
    return look_at_retention(endpoints.database_url, now=datetime.now(UTC))


def look_at_collections(endpoints: Endpoints | None) -> list[Finding]:
    """Datasets whose newest collection failed, or that were never collected."""
    if endpoints is None:
        return []
    rows = found_rows(endpoints, "ops/select_newest_collections")
    if not rows:
        return [warning("collections", "nothing was collected yet", cure="The first collection starts by itself.")]
    return [
        broken(
            f"{dataset} from {provider}",
            f"{status} since {start:%Y-%m-%d %H:%M:%S} UTC: {error}",
            cure="It is tried again on schedule; materialize the asset in Dagster to try now.",
        )
        if status == "failed"
        else ok(f"{dataset} from {provider}", f"{status}, started {start:%Y-%m-%d %H:%M:%S} UTC")
        for dataset, provider, status, start, error in rows
    ]


def look_at_history(endpoints: Endpoints | None) -> list[Finding]:
    """Whether history waits, and for what."""
    return findings_of_history(found_rows(endpoints, "ops/select_newest_history")) if endpoints else []


def look_at_expectations(endpoints: Endpoints | None) -> list[Finding]:
    """What expectations found of the data, and whether they are looked at."""
    if endpoints is None:
        return []
    return look_at_quality(endpoints.database_url, now=datetime.now(UTC)) or [
        ok("quality", "no expectation of severity error is broken")
    ]


def look_at_record(settings: Settings, endpoints: Endpoints | None) -> list[Finding]:
    """Whether Dagster's own record is pruned."""
    if endpoints is None:
        return []
    keep = timedelta(days=settings.run_retention_days)
    return look_at_event_log(_dagster_url(endpoints), keep=keep, now=datetime.now(UTC))


def _dagster_url(endpoints: Endpoints) -> str:
    return endpoints.dagster_database_url or dagster_url_beside(endpoints.database_url)
