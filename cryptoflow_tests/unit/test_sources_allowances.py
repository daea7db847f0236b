"""What a provider tells of its key: believed for that key only, and less than a person's setting."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cryptoflow.settings import load_settings
from cryptoflow.sources.allowances import ToldAllowance, quota_origin, tells_allowance, with_told
from cryptoflow.sources.providers import provider_from_settings

RESET = datetime(2026, 12, 14, 9, 30, tzinfo=UTC)
SETTINGS = {"coinmarketcap_api_key": "a-key"}
PROVIDER = provider_from_settings(load_settings(**SETTINGS), "coinmarketcap")
TOLD = ToldAllowance(
    provider="coinmarketcap",
    account=PROVIDER.scope,
    calls_per_minute=60,
    units_per_period=15_000,
    units_per_day=None,
    used_units=100,
    resets_at=RESET,
    told_at=datetime(2026, 11, 20, tzinfo=UTC),
    payload_sha256=b"x" * 32,
)


def test_what_is_told_replaces_the_published_figures() -> None:
    settings = load_settings(**SETTINGS)
    found = with_told(PROVIDER, TOLD, settings)
    assert (found.rate_per_window, found.per_month, found.period_end) == (60, 15_000, RESET)
    assert found.scope == PROVIDER.scope
    assert quota_origin(PROVIDER, TOLD, settings) == "told"


def test_what_was_told_of_another_key_is_not_believed() -> None:
    settings = load_settings(coinmarketcap_api_key="another-key")
    other = provider_from_settings(settings, "coinmarketcap")
    assert with_told(other, TOLD, settings) == other
    assert quota_origin(other, TOLD, settings) == "built in"
    assert with_told(other, None, settings) == other


def test_a_setting_wins_figure_by_figure() -> None:
    settings = load_settings(**SETTINGS, coinmarketcap_credits_per_month=500)
    found = with_told(provider_from_settings(settings, "coinmarketcap"), TOLD, settings)
    assert (found.rate_per_window, found.per_month, found.period_end) == (60, 500, RESET)
    assert quota_origin(PROVIDER, TOLD, settings) == "setting"


def test_a_figure_that_is_not_told_stays_the_published_one() -> None:
    silent = replace(TOLD, calls_per_minute=None, units_per_period=None, resets_at=None)
    settings = load_settings(**SETTINGS)
    found = with_told(PROVIDER, silent, settings)
    assert (found.rate_per_window, found.per_month, found.period_end) == (30, 10_000, None)
    assert quota_origin(PROVIDER, silent, settings) == "built in"


@pytest.mark.parametrize(
    ("given", "name", "tells"),
    [
        ({}, "coingecko", False),
        ({"coingecko_plan": "demo", "coingecko_api_key": "CG-1"}, "coingecko", False),
        ({"coingecko_plan": "pro", "coingecko_api_key": "CG-1"}, "coingecko", True),
        (SETTINGS, "coinmarketcap", True),
    ],
)
def test_who_tells(given: dict[str, str], name: str, tells: bool) -> None:
    assert tells_allowance(provider_from_settings(load_settings(**given), name)) == tells
