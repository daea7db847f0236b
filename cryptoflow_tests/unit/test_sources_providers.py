"""Provider records from settings."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from cryptoflow.errors import UsageError
from cryptoflow.settings import Settings, load_settings
from cryptoflow.sources.coinmarketcap import CoinMarketCap
from cryptoflow.sources.errors import KeyRejected
from cryptoflow.sources.http import ProviderClient, bounds_from_settings, run_sync
from cryptoflow.sources.ledger import MemoryLedger
from cryptoflow.sources.providers import Provider, askable, provider_from_settings, provider_names

KEY = SecretStr("k-0123456789")


def provider(name: str, **given: object) -> Provider:
    return provider_from_settings(load_settings(**given), name)


def test_a_key_goes_to_the_host_of_its_plan() -> None:
    keyless = provider("coingecko")
    demo = provider("coingecko", coingecko_plan="demo", coingecko_api_key=KEY)
    pro = provider("coingecko", coingecko_plan="pro", coingecko_api_key=KEY)
    assert (keyless.base_url, keyless.key_header) == ("https://api.coingecko.com/api/v3", None)
    assert (demo.base_url, demo.key_header) == ("https://api.coingecko.com/api/v3", "x-cg-demo-api-key")
    assert (pro.base_url, pro.key_header) == ("https://pro-api.coingecko.com/api/v3", "x-cg-pro-api-key")


def test_plan_and_key_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UsageError, match="no key is set"):
        provider("coingecko", coingecko_plan="demo")
    with pytest.raises(UsageError, match="keyless"):
        provider("coingecko", coingecko_api_key=KEY)
    with pytest.raises(UsageError, match="Known: coingecko"):
        provider("coingekko")


def test_with_a_simulator_nobody_else_is_asked() -> None:
    for name in provider_names():
        assert provider(name, simulator_url="http://127.0.0.1:8900/").base_url.startswith(
            f"http://127.0.0.1:8900/{name}"
        )
    assert provider("coingecko", simulator_url="http://127.0.0.1:8900").base_url.endswith("/coingecko/api/v3")


def test_who_can_be_asked_with_the_keys_at_hand() -> None:
    def names(**given: object) -> list[str]:
        return [record.name for record in askable(load_settings(**given))]

    keyless = ["binance", "binance_archive", "coinbase"]
    assert names() == ["coingecko", *keyless]
    assert names(coinmarketcap_api_key=KEY) == ["coingecko", "coinmarketcap", *keyless]
    assert names(simulator_url="http://127.0.0.1:8900") == ["coingecko", "coinmarketcap", *keyless]


def test_streams_are_spoken_to_where_their_exchange_is() -> None:
    assert provider("binance").stream_url == "wss://data-stream.binance.vision"
    assert provider("coinbase").stream_url == "wss://ws-feed.exchange.coinbase.com"
    local = provider("binance", simulator_url="http://127.0.0.1:8900/")
    assert local.stream_url == "ws://127.0.0.1:8900/binance_stream"
    assert provider("coingecko").stream_url is None


@pytest.mark.parametrize("question", ["key_info", "cryptocurrency_map", "listings_latest"])
def test_coinmarketcap_is_asked_nothing_without_a_key(question: str) -> None:
    ledger = MemoryLedger()

    async def run() -> None:
        async with ProviderClient(provider("coinmarketcap"), ledger=ledger, payloads=ledger) as client:
            await getattr(CoinMarketCap(client), question)()

    with pytest.raises(KeyRejected, match="CRYPTOFLOW_COINMARKETCAP_API_KEY"):
        run_sync(run())
    assert ledger.calls == []


def test_settings_override_the_plan() -> None:
    given = provider("coinmarketcap", coinmarketcap_calls_per_minute=7, coinmarketcap_credits_per_month=99)
    assert (given.rate_per_window, given.per_month, given.unit) == (7, 99, "credits")


def test_another_key_or_address_is_another_state() -> None:
    scopes = {
        provider("coinmarketcap").scope,
        provider("coinmarketcap", coinmarketcap_api_key=KEY).scope,
        provider("coinmarketcap", simulator_url="http://127.0.0.1:8900").scope,
    }
    assert len(scopes) == 3
    assert not any(KEY.get_secret_value() in scope for scope in scopes)


def test_a_key_is_not_in_the_record_as_text() -> None:
    assert KEY.get_secret_value() not in repr(provider("coinmarketcap", coinmarketcap_api_key=KEY))


@pytest.mark.parametrize("key", [" ", "k\u00e9y", "a\nb"])
def test_an_unusable_key_is_refused_without_being_shown(key: str) -> None:
    record = provider("coinmarketcap", coinmarketcap_api_key=SecretStr(key))
    with pytest.raises(KeyRejected) as caught:
        ProviderClient(record, ledger=MemoryLedger(), payloads=MemoryLedger())
    assert key.strip() == "" or key not in str(caught.value)


def test_bounds() -> None:
    settings: Settings = load_settings(http_attempts=2, http_max_body_mebibytes=1)
    bounds = bounds_from_settings(settings)
    assert (bounds.attempts, bounds.max_body_bytes) == (2, 1024 * 1024)
