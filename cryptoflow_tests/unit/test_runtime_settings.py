"""Settings of the embedded servers, sized to machines of every kind."""

from __future__ import annotations

import pytest

from cryptoflow.runtime.machine import Machine, parse_memory_limit
from cryptoflow.runtime.postgres_settings import GIBIBYTE, MEBIBYTE, render_settings, settings_for
from cryptoflow.runtime.valkey import memory_limit_bytes

LARGE = Machine(
    memory_bytes=256 * GIBIBYTE, cores=64, disk_free_bytes=4096 * GIBIBYTE, shared_memory_bytes=128 * GIBIBYTE
)
LAPTOP = Machine(memory_bytes=8 * GIBIBYTE, cores=4, disk_free_bytes=40 * GIBIBYTE, shared_memory_bytes=4 * GIBIBYTE)
TINY = Machine(memory_bytes=GIBIBYTE, cores=1, disk_free_bytes=3 * GIBIBYTE, shared_memory_bytes=64 * MEBIBYTE)


@pytest.mark.parametrize(
    ("machine", "shared_buffers", "max_wal_size", "workers"),
    [(LARGE, "4096MB", "4096MB", "2"), (LAPTOP, "2048MB", "2048MB", "2"), (TINY, "256MB", "512MB", "0")],
)
def test_sizes_follow_the_machine_within_bounds(
    machine: Machine, shared_buffers: str, max_wal_size: str, workers: str
) -> None:
    settings = settings_for(machine)
    assert settings["shared_buffers"] == shared_buffers
    assert settings["max_wal_size"] == max_wal_size
    assert settings["max_parallel_workers_per_gather"] == workers


@pytest.mark.parametrize("machine", [LARGE, LAPTOP, TINY])
def test_the_durable_profile_never_gives_up_durability(machine: Machine) -> None:
    settings = settings_for(machine)
    assert {settings[name] for name in ("fsync", "full_page_writes", "synchronous_commit")} == {"on"}


def test_only_the_test_profile_is_not_durable() -> None:
    assert settings_for(LAPTOP, profile="test")["fsync"] == "off"


@pytest.mark.parametrize("profile", ["durable", "test"])
def test_nothing_asks_for_what_the_wheel_lacks(profile: str) -> None:
    text = render_settings(settings_for(LAPTOP, profile=profile)).lower()  # type: ignore[arg-type]
    assert not [word for word in ("lz4", "zstd", "ssl", "icu", "io_uring") if word in text]


def test_values_are_quoted_for_the_configuration_file() -> None:
    assert "unix_socket_directories = '/tmp/it''s \\\\here'\n" in render_settings(
        {"unix_socket_directories": "/tmp/it's \\here"}
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [("max\n", 100), ("40\n", 40), ("9223372036854771712\n", 100), ("0", 100), ("", 100)],
)
def test_a_container_limit_counts_only_when_it_limits(text: str, expected: int) -> None:
    assert parse_memory_limit(text, physical_bytes=100) == expected


@pytest.mark.parametrize(("machine", "mebibytes"), [(LARGE, 1024), (LAPTOP, 512), (TINY, 64)])
def test_the_cache_takes_a_sixteenth_within_bounds(machine: Machine, mebibytes: int) -> None:
    assert memory_limit_bytes(machine) == mebibytes * MEBIBYTE
