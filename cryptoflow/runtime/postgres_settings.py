"""The embedded PostgreSQL's configuration, sized to the machine. Pure: measures in, settings out.

The wheel is built without lz4, SSL, ICU and LLVM; no setting here needs any of them.
What does not belong here: files, processes, an external server's settings (its owner's business).
"""

from __future__ import annotations

from typing import Literal

from cryptoflow.runtime.machine import Machine

Profile = Literal["durable", "test"]

MEBIBYTE = 1024 * 1024
GIBIBYTE = 1024 * MEBIBYTE
# Parallel workers exchange rows through /dev/shm; below this a larger query fails there, so it runs alone.
_PARALLEL_SHARED_MEMORY_BYTES = 512 * MEBIBYTE


def settings_for(machine: Machine, *, profile: Profile = "durable") -> dict[str, str]:
    """Settings for this machine. `test` gives up durability for speed and is for throw-away data only."""
    return _common() | (_small() if profile == "test" else _sized(machine))


def render_settings(settings: dict[str, str]) -> str:
    """The text of a postgresql.conf."""
    head = (
        "# Written by cryptoflow at every start; edits are lost.\n"
        "# To change a setting for good: ALTER SYSTEM SET name = value, which wins over this file.\n"
    )
    return head + "".join(f"{name} = {_quoted(value)}\n" for name, value in sorted(settings.items()))


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def _common() -> dict[str, str]:
    return {
        "max_connections": "200",  # Dagster opens a connection per storage call; our own pools are bounded
        "unix_socket_permissions": "0700",
        "password_encryption": "scram-sha-256",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "jit": "off",  # minute-sized statements lose more to compilation than they win
        "random_page_cost": "2",  # solid state, yet index scans over a whole day must not look free
        "shared_preload_libraries": "pg_stat_statements",
        "track_io_timing": "on",
        "wal_level": "replica",  # base backups and archiving stay possible
        "log_line_prefix": "%m [%p] %q%u@%d %a ",
        "log_lock_waits": "on",
        "log_min_duration_statement": "5s",
        "log_destination": "stderr",
        "logging_collector": "off",
    }


def _sized(machine: Machine) -> dict[str, str]:
    shared = _between(machine.memory_bytes // 4, low=128 * MEBIBYTE, high=4 * GIBIBYTE)
    # Crash recovery replays at most this much, so it also bounds how long a killed server takes to return.
    wal = _between(machine.disk_free_bytes // 20, low=512 * MEBIBYTE, high=4 * GIBIBYTE)
    return {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "wal_compression": "pglz",  # the first change of a page after a checkpoint logs the whole page
        "shared_buffers": _megabytes(shared),
        "effective_cache_size": _megabytes(max(machine.memory_bytes // 2, shared)),
        "work_mem": _megabytes(_between(machine.memory_bytes // 256, low=4 * MEBIBYTE, high=64 * MEBIBYTE)),
        "maintenance_work_mem": _megabytes(_between(machine.memory_bytes // 16, low=64 * MEBIBYTE, high=GIBIBYTE)),
        "max_wal_size": _megabytes(wal),
        "min_wal_size": _megabytes(max(wal // 4, 80 * MEBIBYTE)),
        "checkpoint_timeout": "10min",
        "max_worker_processes": str(max(8, machine.cores)),
        "max_parallel_workers": str(machine.cores),
        "max_parallel_workers_per_gather": str(min(2, machine.cores) if _may_run_parallel(machine) else 0),
        "max_parallel_maintenance_workers": str(min(2, machine.cores) if _may_run_parallel(machine) else 0),
    }


def _may_run_parallel(machine: Machine) -> bool:
    room = machine.shared_memory_bytes
    return room is None or room >= _PARALLEL_SHARED_MEMORY_BYTES


def _small() -> dict[str, str]:
    return {
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "shared_buffers": "64MB",
        "work_mem": "8MB",
        "max_wal_size": "256MB",
        "min_wal_size": "80MB",
        "autovacuum": "off",
    }


def _between(value: int, *, low: int, high: int) -> int:
    return max(low, min(value, high))


def _megabytes(size: int) -> str:
    return f"{size // MEBIBYTE}MB"
