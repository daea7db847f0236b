"""The platform's parts: which processes run, in which order, with what environment, and how each is known to be well.

What does not belong here: running them (supervisor), what they do (their own packages).
"""

from __future__ import annotations

import shutil
import socket
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from cryptoflow.resources import resource_path
from cryptoflow.runtime import health, ports, queues
from cryptoflow.runtime.bootstrap import WAREHOUSE_DATABASE, bootstrap, dagster_url_beside
from cryptoflow.runtime.child import inherited_environment, script
from cryptoflow.runtime.external import check_database, check_redis
from cryptoflow.runtime.heartbeat import Heartbeat, collector_heartbeat
from cryptoflow.runtime.home import Home
from cryptoflow.runtime.part import Member, Part, Step
from cryptoflow.runtime.postgres import EmbeddedPostgres
from cryptoflow.runtime.urls import parse_database_url
from cryptoflow.runtime.valkey import EmbeddedValkey
from cryptoflow.settings import ENV_PREFIX, Settings

CODE_PORT: Final = 14266
SCHEMA_STEP: Final = "schema"
COLLECTOR: Final = "cryptoflow.runtime.collector"
TICK_WORKER: Final = "worker-ticks"
WORKER_APP: Final = "cryptoflow.defs.platform.worker_app"
TASKS_PER_WORKER_PROCESS: Final = 500  # its memory creeps by some 20 MB over a hundred runs; a fresh process is cheap

_PYTHON_START_TIMEOUT_SECONDS = 120.0
# Crash recovery replays the log before the server answers; killing it in the middle would only start it over.
_POSTGRES_START_TIMEOUT_SECONDS = 900.0
_DAEMON_SILENT_SECONDS = 120.0
_WORKER_GRACE_SECONDS = 20.0
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  (translated, not bound)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything decided before the first process starts."""

    home: Home
    settings: Settings
    postgres: EmbeddedPostgres | None
    valkey: EmbeddedValkey | None
    database_url: str = field(repr=False)
    dagster_database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    code_port: int
    dagster_port: int
    simulator_port: int | None

    @property
    def dagster_url(self) -> str:
        return f"http://{_reachable(self.settings.bind_host)}:{self.dagster_port}"

    @property
    def simulator_url(self) -> str | None:
        if self.simulator_port is None:
            return self.settings.simulator_url
        return f"http://{_reachable(self.settings.bind_host)}:{self.simulator_port}"


def plan_platform(settings: Settings, home: Home, *, demo: bool) -> Plan:
    """Check external servers, choose ports. Starts nothing."""
    postgres = None if settings.database_url else EmbeddedPostgres.in_home(home.path)
    valkey = None if settings.redis_url else EmbeddedValkey.in_home(home.path)
    database_url = postgres.url(WAREHOUSE_DATABASE) if postgres else _secret(settings.database_url)
    redis_url = valkey.url() if valkey else _secret(settings.redis_url)
    if postgres is None:
        check_database(database_url)
    dagster_database_url = dagster_url_beside(database_url)
    if settings.dagster_database_url is not None:
        dagster_database_url = _secret(settings.dagster_database_url)
        check_database(dagster_database_url, setting=f"{ENV_PREFIX}DAGSTER_DATABASE_URL")
    if valkey is None:
        check_redis(redis_url)
    taken = {server.port for server in (postgres, valkey) if server is not None}
    code_port = ports.first_free(CODE_PORT, taken=taken)
    dagster_port = ports.first_free(settings.dagster_port, host=settings.bind_host, taken=taken | {code_port})
    simulator_port = None
    if demo:
        taken |= {code_port, dagster_port}
        simulator_port = ports.first_free(settings.simulator_port, host=settings.bind_host, taken=taken)
    return Plan(
        home=home,
        settings=settings,
        postgres=postgres,
        valkey=valkey,
        database_url=database_url,
        dagster_database_url=dagster_database_url,
        redis_url=redis_url,
        code_port=code_port,
        dagster_port=dagster_port,
        simulator_port=simulator_port,
    )


def platform_members(plan: Plan) -> list[Member]:
    """All parts and steps of a platform."""
    environment = child_environment(plan)
    servers = _servers(plan)
    server_names = tuple(server.name for server in servers)
    simulator = _simulator(plan, environment)
    schema = Step(
        name=SCHEMA_STEP,
        action=partial(settle_databases, plan),
        depends_on=tuple(name for name in server_names if name == "postgres"),
    )
    before_code = (SCHEMA_STEP, *server_names)
    before_dagster = ("code-server", *server_names)
    return [
        *servers,
        *simulator,
        schema,
        _code_server(plan, environment, depends_on=before_code),
        _webserver(plan, environment, depends_on=before_dagster),
        _daemon(plan, environment, depends_on=before_dagster),
        _worker(plan, environment, TICK_WORKER, takes=queues.TICKS, depends_on=before_dagster),
        *(
            _worker(plan, environment, f"worker-{number}", takes=queues.OF_WORKERS, depends_on=before_dagster)
            for number in range(1, plan.settings.workers + 1)
        ),
        *_collector(plan, environment, depends_on=before_code),
    ]


def settle_databases(plan: Plan) -> None:
    """What must be true of the databases and of Dagster's folder before Dagster starts."""
    from cryptoflow.warehouse.ahead import make_partitions_ahead
    from cryptoflow.warehouse.migrations import migrate_up
    from cryptoflow.warehouse.world import settle_world

    bootstrap(plan.database_url, dagster_database_url=plan.dagster_database_url)
    settle_world(plan.database_url, "simulated" if plan.simulator_url else "real")
    migrate_up(plan.database_url)
    make_partitions_ahead(plan.database_url, now=datetime.now(UTC))
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copyfile(resource_path(name), plan.home.dagster / name)


def child_environment(plan: Plan) -> dict[str, str]:
    """What every part of ours is told. Settings of a `.env` file are included: parts run in another folder."""
    dagster = parse_database_url(plan.dagster_database_url, setting=f"{ENV_PREFIX}DAGSTER_DATABASE_URL")
    told = settings_environment(plan.settings) | {
        f"{ENV_PREFIX}HOME": str(plan.home.path),
        f"{ENV_PREFIX}DATABASE_URL": plan.database_url,
        f"{ENV_PREFIX}DAGSTER_DATABASE_URL": plan.dagster_database_url,
        f"{ENV_PREFIX}REDIS_URL": plan.redis_url,
        f"{ENV_PREFIX}DAGSTER_PG_HOST": dagster.address.host,
        f"{ENV_PREFIX}DAGSTER_PG_PORT": str(dagster.address.port),
        f"{ENV_PREFIX}DAGSTER_PG_USER": dagster.address.user,
        f"{ENV_PREFIX}DAGSTER_PG_PASSWORD": dagster.address.password or "",
        f"{ENV_PREFIX}DAGSTER_PG_DB": dagster.name,
        f"{ENV_PREFIX}CODE_HOST": ports.LOOPBACK,
        f"{ENV_PREFIX}CODE_PORT": str(plan.code_port),
        "DAGSTER_HOME": str(plan.home.dagster),
        "DAGSTER_EVENT_BATCH_SIZE": "1000",  # a backfill in one run writes its events in batches: half the time
        "PYTHONUNBUFFERED": "1",
        "PYTHONSAFEPATH": "1",  # nothing in a working folder may pose as a module
        "TZ": "UTC",
    }
    if plan.simulator_url:
        told[f"{ENV_PREFIX}SIMULATOR_URL"] = plan.simulator_url
    return inherited_environment(told)


def settings_environment(settings: Settings) -> dict[str, str]:
    """Every setting that differs from its default, as the variable that sets it."""
    told = {}
    for name, definition in type(settings).model_fields.items():
        value = getattr(settings, name)
        if value is None or value == definition.default:
            continue
        told[f"{ENV_PREFIX}{name.upper()}"] = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
    return told


def worker_heartbeat(plan: Plan, name: str) -> Heartbeat:
    """The heartbeat of a worker of this host, under the name that Celery gives it."""
    return Heartbeat(redis_url=plan.redis_url, worker=f"{name}@{socket.gethostname()}")


def _servers(plan: Plan) -> list[Part]:
    servers = []
    if plan.postgres is not None:
        servers.append(_postgres(plan.postgres))
    if plan.valkey is not None:
        servers.append(_valkey(plan.valkey))
    return servers


def _postgres(server: EmbeddedPostgres) -> Part:
    return Part(
        name="postgres",
        argv=tuple(server.command()),
        environment=server.environment(),
        folder=Path("/"),
        prepare=server.prepare,
        check=health.ready(server.is_ready, what="PostgreSQL"),
        endpoint=f"{ports.LOOPBACK}:{server.port}",
        start_timeout_seconds=_POSTGRES_START_TIMEOUT_SECONDS,
        unhealthy_after_seconds=60.0,
        stop_signal=server.stop_signal,
        stop_grace_seconds=60.0,
    )


def _valkey(server: EmbeddedValkey) -> Part:
    return Part(
        name="valkey",
        argv=tuple(server.command()),
        environment=server.environment(),
        folder=Path("/"),
        prepare=server.prepare,
        check=health.ready(server.is_ready, what="Valkey"),
        endpoint=f"{ports.LOOPBACK}:{server.port}",
        stop_grace_seconds=20.0,
    )


def _simulator(plan: Plan, environment: dict[str, str]) -> list[Part]:
    if plan.simulator_port is None:
        return []
    settings = plan.settings
    argv: tuple[str, ...] = (sys.executable, "-m", "cryptoflow.simulator.server", "--host", settings.bind_host)
    argv += ("--port", str(plan.simulator_port))
    argv += ("--assets", str(settings.simulator_assets), "--seed", str(settings.simulator_seed))
    return [
        Part(
            name="simulator",
            argv=argv,
            environment=environment,
            folder=plan.home.path,
            check=health.http(f"{plan.simulator_url}/_control/health"),
            endpoint=plan.simulator_url,
        )
    ]


def _code_server(plan: Plan, environment: dict[str, str], *, depends_on: tuple[str, ...]) -> Part:
    argv: tuple[str, ...] = (
        script("dagster"),
        "api",
        "grpc",
        "--module-name",
        "cryptoflow.definitions",
        "--host",
        ports.LOOPBACK,
    )
    argv += ("--port", str(plan.code_port), "--location-name", "cryptoflow", "--empty-working-directory")
    return Part(
        name="code-server",
        argv=argv,
        environment=environment,
        folder=plan.home.dagster,
        check=health.grpc_serving(ports.LOOPBACK, plan.code_port, service="DagsterApi"),
        depends_on=depends_on,
        endpoint=f"{ports.LOOPBACK}:{plan.code_port}",
        start_timeout_seconds=_PYTHON_START_TIMEOUT_SECONDS,
        check_interval_seconds=5.0,
        unhealthy_after_seconds=60.0,
    )


def _webserver(plan: Plan, environment: dict[str, str], *, depends_on: tuple[str, ...]) -> Part:
    argv: tuple[str, ...] = (
        script("dagster-webserver"),
        "--host",
        plan.settings.bind_host,
        "--port",
        str(plan.dagster_port),
    )
    argv += ("--workspace", str(plan.home.dagster / "workspace.yaml"))
    # A pooled connection does not notice that the database restarted; one this young was made after it came back.
    argv += ("--db-pool-recycle", "2")
    return Part(
        name="webserver",
        argv=argv,
        environment=environment,
        folder=plan.home.dagster,
        check=health.http(f"{plan.dagster_url}/server_info"),
        depends_on=depends_on,
        endpoint=plan.dagster_url,
        start_timeout_seconds=_PYTHON_START_TIMEOUT_SECONDS,
        check_interval_seconds=5.0,
        unhealthy_after_seconds=60.0,
    )


def _daemon(plan: Plan, environment: dict[str, str], *, depends_on: tuple[str, ...]) -> Part:
    argv: tuple[str, ...] = (script("dagster-daemon"), "run", "--workspace", str(plan.home.dagster / "workspace.yaml"))
    return Part(
        name="daemon",
        argv=argv,
        environment=environment,
        folder=plan.home.dagster,
        check=health.dagster_daemon(plan.dagster_database_url, silent_after_seconds=_DAEMON_SILENT_SECONDS),
        depends_on=depends_on,
        start_timeout_seconds=_PYTHON_START_TIMEOUT_SECONDS,
        check_interval_seconds=10.0,
        unhealthy_after_seconds=60.0,
    )


def _worker(plan: Plan, environment: dict[str, str], name: str, *, takes: str, depends_on: tuple[str, ...]) -> Part:
    argv: tuple[str, ...] = (script("celery"), "-A", WORKER_APP, "worker", "--concurrency", "1", "--queues", takes)
    argv += ("--max-tasks-per-child", str(TASKS_PER_WORKER_PROCESS), "--hostname", f"{name}@%h")
    argv += ("--without-gossip", "--without-mingle", "--loglevel", plan.settings.log_level)
    heartbeat = worker_heartbeat(plan, name)
    return Part(
        name=name,
        argv=argv,
        environment=environment,
        folder=plan.home.dagster,
        check=health.worker_beats(heartbeat),
        prepare=heartbeat.forget,
        depends_on=depends_on,
        start_timeout_seconds=_PYTHON_START_TIMEOUT_SECONDS,
        check_interval_seconds=5.0,
        unhealthy_after_seconds=40.0,
        stop_grace_seconds=_WORKER_GRACE_SECONDS,
    )


def _collector(plan: Plan, environment: dict[str, str], *, depends_on: tuple[str, ...]) -> list[Part]:
    """The live trades; none when no exchange is to be collected."""
    if not plan.settings.exchanges:
        return []
    heartbeat = collector_heartbeat(plan.redis_url)
    simulator = ("simulator",) if plan.simulator_port is not None else ()
    return [
        Part(
            name="collector",
            argv=(sys.executable, "-m", COLLECTOR),
            environment=environment,
            folder=plan.home.path,
            check=health.worker_beats(heartbeat),
            prepare=heartbeat.forget,
            depends_on=(*depends_on, *simulator),
            start_timeout_seconds=_PYTHON_START_TIMEOUT_SECONDS,
            check_interval_seconds=5.0,
            unhealthy_after_seconds=40.0,
            stop_grace_seconds=_WORKER_GRACE_SECONDS,
        )
    ]


def _reachable(host: str) -> str:
    address = _ANY_ADDRESS.get(host, host)
    return f"[{address}]" if ":" in address else address


def _secret(value: SecretStr | None) -> str:
    assert value is not None
    return value.get_secret_value()
