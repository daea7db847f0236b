"""The plan as it is told at the start: from a fresh warehouse, and when it cannot be told."""

from __future__ import annotations

from contextlib import closing
from socket import socket

from cryptoflow.runtime.plan_words import plan_text
from cryptoflow.settings import load_settings


def test_a_fresh_warehouse_has_a_plan(database_url: str, valkey_url: str) -> None:
    settings = load_settings(coinmarketcap_api_key="a-key")
    text = plan_text(settings, database_url=database_url, redis_url=valkey_url, simulator_url=None)
    first, *lines = text.splitlines()
    assert first == "The collection plan (`cryptoflow quota` tells it at any time):"
    assert any(line.startswith("  - coingecko: ranks 1-100 are asked every") for line in lines)
    assert "  - coinmarketcap has not told its quota, so the published one of its plan is used." in lines


def test_a_plan_that_cannot_be_told_says_why_and_stops_nothing(database_url: str) -> None:
    with closing(socket()) as held:
        held.bind(("127.0.0.1", 0))
        dead = f"redis://127.0.0.1:{held.getsockname()[1]}/0"
        text = plan_text(load_settings(), database_url=database_url, redis_url=dead, simulator_url=None)
    assert "Valkey does not answer, so this plan does not know of refusals" in text
    wrong = load_settings(coingecko_plan="demo")
    text = plan_text(wrong, database_url=database_url, redis_url=None, simulator_url=None)
    assert text.startswith("The collection plan cannot be told yet: The CoinGecko plan is 'demo', but no key is set.")
