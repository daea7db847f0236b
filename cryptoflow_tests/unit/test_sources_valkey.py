"""Leaving a lost Valkey alone, and saying so once."""

from __future__ import annotations

import logging

import pytest
from redis.asyncio import Redis

from cryptoflow.sources import valkey
from cryptoflow.sources.valkey import Reach, open_valkey


def test_a_lost_valkey_is_left_alone_and_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = Redis(host="127.0.0.1", port=1)
    reach = Reach(client, meanwhile="everything is slower")
    assert reach.redis is client
    with caplog.at_level(logging.WARNING):
        reach.lost(ConnectionError("refused"))
        reach.lost(ConnectionError("refused"))
        assert reach.redis is None
        monkeypatch.setattr(valkey, "LEFT_ALONE_SECONDS", 0.0)
        reach.lost(ConnectionError("refused"))
        assert reach.redis is client
        reach.answered()
        reach.answered()
    assert [record.getMessage() for record in caplog.records] == [
        "Valkey is lost (refused); meanwhile everything is slower.",
        "Valkey is back; no longer everything is slower.",
    ]


def test_no_valkey_at_all_is_no_loss(caplog: pytest.LogCaptureFixture) -> None:
    assert Reach(None, meanwhile="slower").redis is None
    assert caplog.records == []


def test_the_connection_gives_up_soon() -> None:
    options = open_valkey("redis://127.0.0.1:1/3").connection_pool.connection_kwargs
    assert (options["socket_connect_timeout"], options["socket_timeout"], options["db"]) == (1.0, 2.0, 3)
