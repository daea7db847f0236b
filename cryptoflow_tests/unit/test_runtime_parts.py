"""The platform's plan: who runs, in which order, and where the secrets are."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from cryptoflow.runtime.home import Home
from cryptoflow.runtime.part import Member, Part, Step, start_order
from cryptoflow.runtime.parts import Plan, child_environment, platform_members, settings_environment
from cryptoflow.settings import Settings

DATABASE_URL = "postgresql://me:hunter2@db:5433/market"
REDIS_URL = "redis://:hunter3@cache:6379/0"


def plan(*, workers: int = 1, simulator_port: int | None = None, bind_host: str = "127.0.0.1") -> Plan:
    settings = Settings(
        workers=workers,
        bind_host=bind_host,
        database_url=SecretStr(DATABASE_URL),
        redis_url=SecretStr(REDIS_URL),
        coingecko_api_key=SecretStr("hunter4"),
    )
    return Plan(
        home=Home(Path("/nowhere/home")),
        settings=settings,
        postgres=None,
        valkey=None,
        database_url=DATABASE_URL,
        dagster_database_url=DATABASE_URL + "_dagster",
        redis_url=REDIS_URL,
        code_port=14266,
        dagster_port=3000,
        simulator_port=simulator_port,
    )


def names(members: list[Member]) -> list[str]:
    return [member.name for member in members]


def parts(members: list[Member]) -> dict[str, Part]:
    return {member.name: member for member in members if isinstance(member, Part)}


def test_external_servers_leave_only_dagster_and_its_workers() -> None:
    assert names(platform_members(plan(workers=2))) == [
        "schema", "code-server", "webserver", "daemon", "worker-ticks", "worker-1", "worker-2", "collector",
    ]  # fmt: skip


def test_one_worker_takes_market_ticks_alone_and_the_others_take_everything() -> None:
    workers = {name: part for name, part in parts(platform_members(plan(workers=2))).items() if "worker" in name}
    taken = {name: part.argv[part.argv.index("--queues") + 1] for name, part in workers.items()}
    assert taken == {"worker-ticks": "ticks", "worker-1": "ticks,dagster", "worker-2": "ticks,dagster"}


def test_the_simulator_runs_only_when_asked_for() -> None:
    with_simulator = platform_members(plan(simulator_port=8900))
    assert "simulator" in names(with_simulator)
    assert parts(with_simulator)["simulator"].endpoint == "http://127.0.0.1:8900"


def test_the_schema_is_settled_before_any_dagster_process_starts() -> None:
    order = names(start_order(platform_members(plan(simulator_port=8900))))
    dagster = [order.index(name) for name in ("code-server", "webserver", "daemon", "worker-ticks", "worker-1")]
    assert order.index("schema") < min(dagster)


@pytest.mark.parametrize("secret", ["hunter2", "hunter3", "hunter4"])
def test_secrets_go_by_environment_and_never_by_argument(secret: str) -> None:
    for part in parts(platform_members(plan(simulator_port=8900))).values():
        assert secret not in " ".join(part.argv)
        assert secret not in repr(part)
        assert any(secret in value for value in part.environment.values())


def test_parts_are_told_where_everything_is() -> None:
    told = child_environment(plan(simulator_port=8900))
    expected = {
        "CRYPTOFLOW_HOME": "/nowhere/home",
        "CRYPTOFLOW_DATABASE_URL": DATABASE_URL,
        "CRYPTOFLOW_REDIS_URL": REDIS_URL,
        "CRYPTOFLOW_SIMULATOR_URL": "http://127.0.0.1:8900",
        "CRYPTOFLOW_DAGSTER_PG_HOST": "db",
        "CRYPTOFLOW_DAGSTER_PG_PORT": "5433",
        "CRYPTOFLOW_DAGSTER_PG_USER": "me",
        "CRYPTOFLOW_DAGSTER_PG_PASSWORD": "hunter2",
        "CRYPTOFLOW_DAGSTER_PG_DB": "market_dagster",
        "CRYPTOFLOW_CODE_PORT": "14266",
        "DAGSTER_HOME": "/nowhere/home/dagster",
        "TZ": "UTC",
    }
    assert {name: told.get(name) for name in expected} == expected


def test_without_the_simulator_the_providers_are_the_live_ones() -> None:
    assert "CRYPTOFLOW_SIMULATOR_URL" not in child_environment(plan())


def test_a_page_bound_to_every_address_is_reached_on_the_loopback() -> None:
    assert plan(bind_host="0.0.0.0").dagster_url == "http://127.0.0.1:3000"


def test_settings_reach_the_parts_as_the_variables_that_set_them() -> None:
    told = settings_environment(Settings(workers=3, coingecko_plan="demo", coingecko_api_key=SecretStr("hunter4")))
    assert told == {
        "CRYPTOFLOW_WORKERS": "3",
        "CRYPTOFLOW_COINGECKO_PLAN": "demo",
        "CRYPTOFLOW_COINGECKO_API_KEY": "hunter4",
    }


def test_the_schema_is_a_step_and_not_a_process() -> None:
    schema = next(member for member in platform_members(plan()) if member.name == "schema")
    assert isinstance(schema, Step)
