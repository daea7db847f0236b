"""A stand-in for a container engine: runs the commands of docker-compose.yml as processes of this machine.

Commands, environments and probes are the file's own. Only what a container would isolate is mapped: names of services
to the loopback, ports to free ones, folders into a scratch folder, and the two servers' programs to the embedded ones.
What does not belong here: what is expected of them (test_compose_commands).
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptoflow.runtime import ports, unprivileged
from cryptoflow.runtime.binaries import postgres_program, valkey_program
from cryptoflow.runtime.logs import tail
from cryptoflow.runtime.processes import kill_group, wait_until
from cryptoflow_tests.definitions.compose_file import ROOT, filled_in

PASSWORDS = {"DATABASE_PASSWORD": "of-the-database", "CACHE_PASSWORD": "of-the-cache"}
# The env file of a demonstration on a small machine; what is not named has its default.
ENV_FILE = PASSWORDS | {
    "DATABASE_SHARED_BUFFERS": "64MB",
    "CACHE_MEMORY": "64mb",
    "CRYPTOFLOW_LOG_LEVEL": "warning",
    "CRYPTOFLOW_SIMULATOR_URL": "http://simulator:8900",
}
CONTAINER_PORTS = (5432, 6379, 14266, 3000, 8900)

_PORT = re.compile(rf"(?<![\w.-])({'|'.join(map(str, CONTAINER_PORTS))})(?![\w.-])")
# Away from what may run here, yet below the range that outgoing connections take their ports from.
_PORT_SHIFT = 11_000
_STOP_SECONDS = 60.0


class ComposeHost:
    """The services of the file on this machine, in a scratch folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.document = filled_in(ENV_FILE)
        self.services: dict[str, Any] = self.document["services"]
        self._ports: dict[int, int] = {}
        for port in CONTAINER_PORTS:
            self._ports[port] = ports.first_free(port + _PORT_SHIFT, taken=set(self._ports.values()))
        self._host = re.compile(rf"(?<=[@/])(?:{'|'.join(self.services)})(?=:\d)")
        (folder / "var/lib/cryptoflow/dagster").mkdir(parents=True)
        for name in ("dagster.yaml", "workspace.yaml"):  # as the Dockerfile does
            shutil.copyfile(ROOT / name, folder / "var/lib/cryptoflow/dagster" / name)

    def port(self, container_port: int) -> int:
        """Where a port of a container is on this machine."""
        return self._ports[container_port]

    def here(self, text: str) -> str:
        """A text of the file as it is meant on this machine."""
        if text in self.services or text == "0.0.0.0":
            return ports.LOOPBACK
        text = self._host.sub(ports.LOOPBACK, text)
        text = _PORT.sub(lambda match: str(self._ports[int(match[1])]), text)
        return re.sub(r"(?<![\w.])/(?=var/lib/|data$|etc/)", f"{self.folder}/", text)

    def environment(self, name: str) -> dict[str, str]:
        """What the service's container would see, and the programs of its image."""
        service = self.services[name]
        given = (ENV_FILE if "env_file" in service else {}) | service.get("environment", {})
        told = {key: self.here(value) for key, value in given.items()}
        programs = [str(Path(sys.executable).parent), str(postgres_program("pg_isready").parent), os.defpath]
        return {"PATH": os.pathsep.join(programs), "TZ": "UTC", "LC_ALL": "C.UTF-8", **told}

    def command(self, name: str) -> list[str]:
        """The service's command on this machine."""
        words = self.services[name]["command"]
        # A service's name is a host only in its environment; on a command line it is a word like any other.
        return [word if word in self.services else self.here(word) for word in words]

    def is_well(self, name: str) -> bool:
        """Run the service's probe once."""
        kind, *words = self.services[name]["healthcheck"]["test"]
        assert kind == "CMD"
        argv = [self.here(word) for word in words]
        environment = self.environment(name)
        program = shutil.which(argv[0], path=environment["PATH"])
        assert program, f"the probe of {name} runs {argv[0]}, which is not there"
        done = subprocess.run(
            [program, *argv[1:]], env=environment, cwd=self.folder, capture_output=True, timeout=60, check=False
        )
        return done.returncode == 0

    def run(self, name: str) -> subprocess.CompletedProcess[str]:
        """Run a service that ends by itself."""
        return subprocess.run(
            self._argv(name), env=self.environment(name), cwd=self.folder, capture_output=True, text=True, check=False
        )

    @contextlib.contextmanager
    def running(self, name: str) -> Iterator[subprocess.Popen[bytes]]:
        """The service's process for the duration; it is asked to stop as the engine would, and must go."""
        log_file = self.folder / f"{name}.log"
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                self._argv(name),
                env=self.environment(name),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield process
            # The PostgreSQL image declares SIGINT (fast shutdown) as its stop signal; the others have the default.
            process.send_signal(signal.SIGINT if name == "database" else signal.SIGTERM)
            went = wait_until(lambda: process.poll() is not None, timeout_seconds=_STOP_SECONDS)
            assert went, f"{name} does not stop when asked: {self.last_words(name)}"
        finally:
            kill_group(process.pid)
            process.wait()

    @contextlib.contextmanager
    def started(self, name: str, *, timeout_seconds: float = 120.0) -> Iterator[subprocess.Popen[bytes]]:
        """The service, running and well by its own probe."""
        with self.running(name) as process:
            self.wait_well(name, process, timeout_seconds=timeout_seconds)
            yield process

    def wait_well(self, name: str, process: subprocess.Popen[bytes], *, timeout_seconds: float = 120.0) -> None:
        """Wait until the probe passes; a process that ends meanwhile fails at once."""
        settled = wait_until(lambda: process.poll() is not None or self.is_well(name), timeout_seconds=timeout_seconds)
        assert process.poll() is None, f"{name} ended with {process.poll()}: {self.last_words(name)}"
        assert settled, f"the probe of {name} never passed: {self.last_words(name)}"

    def last_words(self, name: str) -> str:
        """The end of the service's log, for a failed assertion."""
        return "\n".join(tail(self.folder / f"{name}.log", lines=20))

    def _argv(self, name: str) -> list[str]:
        command = self.command(name)
        if name == "database":
            return self._postgres(command)
        if name == "cache":
            return self._valkey(command)
        program = shutil.which(command[0], path=self.environment(name)["PATH"])
        assert program, f"{name} runs {command[0]}, which is not installed"
        return [program, *command[1:]]

    def _postgres(self, command: list[str]) -> list[str]:
        """As the image's entry point does: make the data folder by POSTGRES_*, then run the command on it."""
        assert command[0] == "postgres"
        environment = self.environment("database")
        run_folder = self.folder / "run"
        run_folder.mkdir()
        data = self.folder / "var/lib/postgresql/18/docker"
        data.mkdir(parents=True)
        password_file = self.folder / "password"
        password_file.write_text(environment["POSTGRES_PASSWORD"])
        for path in (run_folder, data, password_file):
            path.chmod(0o700)
            if unprivileged.is_root():
                os.chown(path, unprivileged.UNPRIVILEGED_ID, unprivileged.UNPRIVILEGED_ID)
        initdb = [str(postgres_program("initdb")), "-D", str(data), "--auth=scram-sha-256", "--no-sync"]
        initdb += [f"--username={environment['POSTGRES_USER']}", f"--pwfile={password_file}"]
        initdb += environment["POSTGRES_INITDB_ARGS"].split()
        subprocess.run(unprivileged.command_line(initdb), check=True, capture_output=True, cwd="/")
        server = [str(postgres_program("postgres")), "-D", str(data), *command[1:]]
        server += ["-c", f"port={self.port(5432)}", "-c", f"unix_socket_directories={run_folder}"]
        return unprivileged.command_line(server)

    def _valkey(self, command: list[str]) -> list[str]:
        """The configuration of the file, written where the engine would mount it."""
        assert command[0] == "valkey-server"
        for config in self.services["cache"]["configs"]:
            target = Path(self.here(config["target"]))
            target.parent.mkdir(parents=True)
            lines = self.document["configs"][config["source"]]["content"].splitlines()
            target.write_text("\n".join(self.here(line) for line in lines) + "\n")
        (self.folder / "data").mkdir()
        return [str(valkey_program()), *command[1:], "--bind", ports.LOOPBACK]
