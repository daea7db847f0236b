"""CoinGecko and CoinMarketCap, asked at the simulator: sound answers, and faults as a provider has them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from cryptoflow.settings import Settings, load_settings
from cryptoflow.simulator.client import SimulatorClient
from cryptoflow.simulator.server import SimulatorServer
from cryptoflow.sources.coingecko import CoinGecko
from cryptoflow.sources.coinmarketcap import CoinMarketCap
from cryptoflow.sources.errors import (
    BodyCut,
    NotFound,
    NotJson,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    QuotaSpent,
    RateLimited,
    UnexpectedShape,
)
from cryptoflow.sources.http import ProviderClient, open_client
from cryptoflow.sources.ledger import MemoryLedger
from cryptoflow.sources.valkey import open_valkey

T = TypeVar("T")


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorServer]:
    with SimulatorServer(asset_count=30) as server:
        yield server


@pytest.fixture
def controls(simulator: SimulatorServer) -> Iterator[SimulatorClient]:
    """The control plane, with quotas out of the way and no fault."""
    with SimulatorClient(simulator.url) as client:
        client.clear_faults()
        client.reset_usage()
        client.set_quota(provider="coingecko", plan="keyless", window="minute", quota=None)
        yield client
        client.clear_faults()


def from_simulator(
    simulator: SimulatorServer, name: str, work: Callable[[ProviderClient], Awaitable[T]], **given: Any
) -> tuple[T, MemoryLedger]:
    """What `work` returns with a client of the provider, and its ledger."""
    ledger = MemoryLedger()
    settings: Settings = load_settings(
        simulator_url=simulator.url,
        **{"coingecko_calls_per_minute": 60_000, "coinmarketcap_calls_per_minute": 60_000} | given,
    )

    async def run() -> T:
        async with open_client(settings, name, ledger=ledger, payloads=ledger, run_id="run-1") as client:
            return await work(client)

    return asyncio.run(run()), ledger


def test_coingecko_lists_and_markets(simulator: SimulatorServer, controls: SimulatorClient) -> None:
    async def work(client: ProviderClient) -> None:
        gecko = CoinGecko(client)
        assert await gecko.ping()
        listing = await gecko.coins_list()
        markets = await gecko.coins_markets()
        assert {row.coingecko_id for row in markets.rows} <= {row.coingecko_id for row in listing.rows.good}
        assert markets.bad == ()
        assert (markets.report.stopped_by, markets.report.is_sound) == ("short_page", True)
        bitcoin = next(row for row in markets.rows if row.coingecko_id == "bitcoin")
        assert bitcoin.price_usd is not None
        assert bitcoin.observed_at is not None
        assert bitcoin.observed_at.utcoffset() == timedelta(0)
        assert len((await gecko.coins_markets(wanted=7)).rows) == 7

    _, ledger = from_simulator(simulator, "coingecko", work)
    assert {call.outcome for call in ledger.calls} == {"ok"}
    assert {call.run_id for call in ledger.calls} == {"run-1"}
    assert [call.endpoint for call in ledger.calls][:2] == ["ping", "coins/list"]


def test_coingecko_charts(simulator: SimulatorServer, controls: SimulatorClient) -> None:
    async def work(client: ProviderClient) -> None:
        gecko = CoinGecko(client)
        chart = await gecko.market_chart("bitcoin", days=2)
        assert len(chart.points) > 40
        assert [point.is_live for point in chart.points].count(True) == 1
        assert chart.points[-1].is_live
        start = chart.points[0].observed_at
        span = await gecko.market_chart_range("bitcoin", start=start, end=start + timedelta(hours=12))
        assert span.points
        assert not any(point.is_live for point in span.points)
        with pytest.raises(NotFound):
            await gecko.market_chart("no such/coin", days=2)

    from_simulator(simulator, "coingecko", work)


def test_coinmarketcap_in_all_its_forms(simulator: SimulatorServer, controls: SimulatorClient) -> None:
    async def work(client: ProviderClient) -> int | None:
        cmc = CoinMarketCap(client)
        identities = await cmc.cryptocurrency_map()
        listings = await cmc.listings_latest(per_page=10)
        assert listings.bad == ()
        assert {row.cmc_id for row in listings.rows} <= {row.cmc_id for row in identities.rows}
        assert len(listings.answers) > 1
        quotes = await cmc.quotes_latest([1, 1027])
        assert sorted(row.cmc_id for row in quotes.rows.good) == [1, 1027]
        info = await cmc.info([1])
        assert [row.slug for row in info.rows.good] == ["bitcoin"]
        account, _ = await cmc.key_info()
        assert account.plan.credit_limit_monthly
        assert account.usage is not None
        assert account.usage.current_month is not None
        return account.usage.current_month.credits_used

    used, ledger = from_simulator(simulator, "coinmarketcap", work, coinmarketcap_api_key="SIM-basic-1")
    assert used == sum(call.credits for call in ledger.calls) > 0


@pytest.mark.parametrize(
    ("fault", "error_type"),
    [
        ("http_429", RateLimited),
        ("http_5xx", ProviderUnavailable),
        ("html_for_json", NotJson),
        ("truncated_json", BodyCut),
        ("reset_mid_body", BodyCut),
        ("hang", ProviderTimeout),
    ],
)
def test_the_simulated_faults_of_the_wire(
    simulator: SimulatorServer, controls: SimulatorClient, fault: str, error_type: type[ProviderError]
) -> None:
    controls.add_fault(fault, provider="coingecko")

    async def work(client: ProviderClient) -> None:
        with pytest.raises(error_type):
            await client.ask("coins/list", patience_seconds=1.0)

    _, ledger = from_simulator(simulator, "coingecko", work, http_read_timeout_seconds=0.3, http_attempts=2)
    assert 1 <= len(ledger.calls) <= 2
    assert ledger.answers == {}


def test_simulated_nan_spoils_only_its_rows(simulator: SimulatorServer, controls: SimulatorClient) -> None:
    controls.add_fault("nan_values", provider="coingecko")

    async def work(client: ProviderClient) -> None:
        markets = await CoinGecko(client).coins_markets()
        assert markets.rows
        assert markets.bad
        assert all("NaN" in bad.row.raw for bad in markets.bad)

    from_simulator(simulator, "coingecko", work)


@pytest.mark.parametrize("fault", ["field_vanishes", "field_changes_type"])
def test_another_shape_is_named(simulator: SimulatorServer, controls: SimulatorClient, fault: str) -> None:
    controls.add_fault(fault, provider="coingecko", field="current_price")

    async def work(client: ProviderClient) -> None:
        with pytest.raises(UnexpectedShape, match="current_price") as caught:
            await CoinGecko(client).coins_markets()
        assert caught.value.payload_sha256

    _, ledger = from_simulator(simulator, "coingecko", work)
    assert len(ledger.answers) == 1


def test_a_missing_page_is_reported(simulator: SimulatorServer, controls: SimulatorClient) -> None:
    controls.add_fault("missing_page", provider="coinmarketcap")

    async def work(client: ProviderClient) -> None:
        report = (await CoinMarketCap(client).listings_latest(wanted=30, per_page=10)).report
        assert report.missing_rows

    from_simulator(simulator, "coinmarketcap", work, coinmarketcap_api_key="SIM-basic-2")


def test_the_simulated_month_is_spent_for_good(
    simulator: SimulatorServer, controls: SimulatorClient, valkey_url: str
) -> None:
    key = "SIM-basic-3"
    controls.set_quota(provider="coinmarketcap", plan="basic", window="month", quota=1)
    settings = load_settings(simulator_url=simulator.url, coinmarketcap_api_key=key)
    ledger = MemoryLedger()

    async def run() -> None:
        for _ in range(2):
            async with (
                open_valkey(valkey_url) as redis,
                open_client(settings, "coinmarketcap", ledger=ledger, payloads=ledger, redis=redis) as client,
            ):
                cmc = CoinMarketCap(client)
                if not ledger.calls:
                    await cmc.listings_latest(wanted=5)
                with pytest.raises(QuotaSpent):
                    await cmc.listings_latest(wanted=5)

    try:
        asyncio.run(run())
    finally:
        controls.set_quota(provider="coinmarketcap", plan="basic", window="month", quota=10_000)
    assert [call.outcome for call in ledger.calls] == ["ok", "limited"]
