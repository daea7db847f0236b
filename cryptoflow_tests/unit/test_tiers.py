"""The rule of the tiers: a test in the wrong one is told, and a unit test cannot reach outside its process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from cryptoflow_tests import tiers


@pytest.mark.parametrize(
    ("tier", "fixtures", "own"),
    [
        ("unit", ["tmp_path", "monkeypatch"], []),
        ("property", [], []),
        ("property", ["database_url"], []),
        ("definitions", ["tmp_path"], []),
        ("database", ["database_url"], []),
        ("database", ["valkey_url", "tmp_path"], []),
        ("database", ["empty_database_url"], []),
        ("platform", ["simulator"], ["simulator"]),
        ("platform", ["database_url"], []),
        ("browser", ["browser", "platform"], []),
    ],
)
def test_a_test_in_its_own_tier_is_welcome(tier: str, fixtures: list[str], own: list[str]) -> None:
    assert tiers.misplaced(tier, fixtures, own_fixtures=own) is None


@pytest.mark.parametrize(
    ("tier", "fixtures", "told"),
    [
        ("unit", ["database_url"], "it uses the fixture 'database_url', which is not for unit; move the test to"),
        ("unit", ["tmp_path", "valkey_url"], "'valkey_url'"),
        ("definitions", ["database_url"], "'database_url'"),
        ("property", ["empty_database_url"], "'empty_database_url'"),
        ("database", ["platform", "database_url"], "'platform', which is not for database; move the test to browser"),
        ("platform", ["browser"], "'browser', which is not for platform; move the test to browser"),
        ("database", ["tmp_path"], "neither PostgreSQL nor Valkey; move it to unit"),
        ("platform", ["tmp_path"], "it starts nothing by a fixture; move it to unit"),
        ("browser", ["platform"], "it opens no page; move it to platform"),
    ],
)
def test_a_test_in_the_wrong_tier_is_told_where_it_belongs(tier: str, fixtures: list[str], told: str) -> None:
    assert told in str(tiers.misplaced(tier, fixtures, own_fixtures=[]))


def test_every_part_has_a_tier_and_none_is_pure() -> None:
    for homes in tiers.PART_FIXTURES.values():
        assert homes <= set(tiers.TIERS)
        assert not homes & tiers.PURE_TIERS


def test_a_closed_in_test_cannot_open_a_socket() -> None:
    with tiers.closed_in("the sample"), socket.socket() as own, pytest.raises(tiers.OutsideReached, match="the sample"):
        own.connect(("127.0.0.1", 9))
    with tiers.closed_in("the sample"), socket.socket() as own, pytest.raises(tiers.OutsideReached, match="bind"):
        own.bind(("127.0.0.1", 0))


def test_a_closed_in_test_cannot_start_a_process() -> None:
    with tiers.closed_in("the sample"):
        with pytest.raises(tiers.OutsideReached, match="Popen"):
            subprocess.run([sys.executable, "-c", ""], check=True)
        with pytest.raises(tiers.OutsideReached, match="posix_spawn"):
            os.posix_spawn(sys.executable, [sys.executable, "-c", ""], {})


def test_this_very_test_is_closed_in() -> None:
    with socket.socket() as own, pytest.raises(tiers.OutsideReached, match="test_this_very_test_is_closed_in"):
        own.connect(("127.0.0.1", 9))


def test_after_the_block_the_doors_stand_as_before() -> None:
    standing = list(tiers._closed_for)
    with tiers.closed_in("inner"):
        assert tiers._closed_for == [*standing, "inner"]
    assert tiers._closed_for == standing
