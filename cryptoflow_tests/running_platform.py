"""A platform that really runs, for the tests that need one: started and asked the way a person does it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg

PROGRAM = str(Path(sys.executable).with_name("cryptoflow"))
START_SECONDS = 180.0
# Assets of a platform of which it does not matter how many it has.
SMALL_UNIVERSE = 60
_LAUNCH = """mutation($job: String!, $tags: [ExecutionTag!]) { launchRun(executionParams: {mode: "default",
  executionMetadata: {tags: $tags}, selector: {
  repositoryLocationName: "cryptoflow", repositoryName: "__repository__", jobName: $job}}) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
_STATUS = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"


@dataclass(frozen=True, slots=True)
class RunningPlatform:
    """One platform in a home of its own. `external` names servers that it uses instead of embedded ones."""

    home: Path
    external: Mapping[str, str] = field(default_factory=dict)

    def run(self, *words: str, check: bool = True, seconds: float = START_SECONDS) -> subprocess.CompletedProcess[str]:
        """Run `cryptoflow ...` on this home."""
        environment = {**os.environ, **self.external, "CRYPTOFLOW_HOME": str(self.home), "COLUMNS": "200"}
        done = subprocess.run(
            [PROGRAM, *words], env=environment, capture_output=True, text=True, timeout=seconds, check=False
        )
        assert not check or done.returncode == 0, f"{words}: {done.stdout}\n{done.stderr}"
        return done

    @property
    def endpoints(self) -> dict[str, Any]:
        """What HOME/endpoints.json says now."""
        found: dict[str, Any] = json.loads((self.home / "endpoints.json").read_text())
        return found

    def part(self, name: str) -> dict[str, Any]:
        """How `status --json` describes a part now."""
        report = json.loads(self.run("status", "--json", check=False).stdout)
        found: dict[str, Any] = next(part for part in report["parts"] if part["name"] == name)
        return found

    def is_healthy(self) -> bool:
        """Whether `status` says that all is well."""
        return self.run("status", check=False).returncode == 0

    def graphql(self, query: str, **variables: object) -> dict[str, Any]:
        """Ask Dagster's webserver."""
        answer = httpx.post(
            f"{self.endpoints['dagster_url']}/graphql", json={"query": query, "variables": variables}, timeout=30
        )
        body = answer.json()
        assert "errors" not in body, body["errors"]
        data: dict[str, Any] = body["data"]
        return data

    def launch(self, job: str, tags: Mapping[str, str] | None = None) -> str:
        """Start a run as the UI does; returns its id."""
        given = [{"key": name, "value": value} for name, value in (tags or {}).items()]
        answer = self.graphql(_LAUNCH, job=job, tags=given)["launchRun"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        run_id: str = answer["run"]["runId"]
        return run_id

    def status_of(self, run_id: str) -> str:
        """How a run stands."""
        status: str = self.graphql(_STATUS, id=run_id)["runOrError"]["status"]
        return status

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Ask the warehouse."""
        with psycopg.connect(self.endpoints["database_url"], connect_timeout=5) as connection:
            return connection.execute(query.encode(), parameters).fetchall()

    def execute(self, statement: str, *parameters: object) -> None:
        """Write to the warehouse and commit."""
        with psycopg.connect(self.endpoints["database_url"], connect_timeout=5) as connection:
            connection.execute(statement.encode(), parameters)

    @contextmanager
    def writing_held_up(self, table: str) -> Iterator[None]:
        """Whoever writes to the table waits until the end of the block; readers do not."""
        with psycopg.connect(self.endpoints["database_url"], connect_timeout=5) as connection:
            connection.execute(f"LOCK TABLE {table} IN SHARE MODE".encode())
            yield

    def kill(self, name: str) -> int:
        """kill -9 the process of a part, and only that."""
        pid: int = self.endpoints["children"][name]
        os.kill(pid, signal.SIGKILL)
        return pid

    def processes(self) -> list[psutil.Process]:
        """The supervisor and everything below it."""
        supervisor = psutil.Process(self.endpoints["supervisor_pid"])
        return [supervisor, *supervisor.children(recursive=True)]


@contextmanager
def started_platform(home: Path, *, external: Mapping[str, str] | None = None) -> Iterator[RunningPlatform]:
    """`up --demo --detach` in the home, `down` at the end."""
    platform = RunningPlatform(home, external or {})
    platform.run("up", "--demo", "--detach")
    try:
        yield platform
    finally:
        platform.run("down", check=False)
