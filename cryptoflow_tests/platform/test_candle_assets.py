"""The assets of exchange data, materialized against the simulated exchanges: what they store and what they tell."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import dagster as dg
import psycopg
import pytest

from cryptoflow.collect.candle_rebuild import verify_sample
from cryptoflow.collect.feed_book import CaughtUp, FeedBook
from cryptoflow.defs.candles.assets import (
    candle_certificates,
    candle_history,
    candle_tick,
    coarse_candles,
    exchange_symbols,
)
from cryptoflow.defs.candles.automation import price_ticks_reported
from cryptoflow.defs.platform.resources import WarehouseResource, resources
from cryptoflow.simulator.market.model import Market
from cryptoflow.simulator.server import SimulatorServer
from cryptoflow.sources.exchange import ExchangeTrade
from cryptoflow.sources.exchanges import exchange_names
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.symbols import ensure_symbol
from cryptoflow_tests.platform.candle_bench import CandleBench, new_world


@pytest.fixture(scope="module")
def market() -> Market:
    return Market(seed=1, asset_count=60)


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


@pytest.fixture
def bench(market: Market, database_url: str, valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[CandleBench]:
    """The settings of a run come from the environment, as they do on the platform."""
    with SimulatorServer(world=new_world(market)) as server:
        given = {
            "DATABASE_URL": database_url,
            "REDIS_URL": valkey_url,
            "SIMULATOR_URL": server.url,
            "CANDLE_TOP": "0",
            "CANDLE_SYMBOLS": "binance:SUSHIBTC,coinbase:SUSHI-USD",
        }
        for name, value in given.items():
            monkeypatch.setenv(f"CRYPTOFLOW_{name}", value)
        yield CandleBench(server, database_url, valkey_url)


def told(done: dg.ExecuteInProcessResult, node: str) -> dict[str, Any]:
    (event,) = done.asset_materializations_for_node(node)
    return {name: value.value for name, value in event.metadata.items()}


def test_lists_then_minutes_then_larger_candles_that_equal_the_exchanges(
    bench: CandleBench, instance: dg.DagsterInstance
) -> None:
    listed = dg.materialize([exchange_symbols], resources=resources(), instance=instance)
    assert told(listed, "symbols")["dagster/row_count"] > 100
    assert told(listed, "symbols")["exchanges"] == ", ".join(exchange_names())
    ticked = dg.materialize([candle_tick], resources=resources(), instance=instance)
    assert told(ticked, "candle_tick")["stored"] > 1_000
    assert told(ticked, "candle_tick")["failed"] == 0
    fetched = dg.materialize([candle_history], partition_key="2025-02-01", resources=resources(), instance=instance)
    assert told(fetched, "candle_history")["files read"] == 10
    assert told(fetched, "candle_history")["failed"] == 0
    with psycopg.connect(bench.database_url) as connection:
        connection.execute("DELETE FROM candles.coarse_candles WHERE interval <> '1d'")
    built = dg.materialize([coarse_candles], partition_key="2025-02-09", resources=resources(), instance=instance)
    assert told(built, "coarse_candles")["candles that changed"] > 2 * 24 * 12
    verified = verify_sample(
        bench.settings(candle_symbols="binance:SUSHIBTC"),
        day=datetime(2025, 2, 9, tzinfo=UTC),
        pairs_each=5,
        database_url=bench.database_url,
        redis_url=bench.valkey_url,
    )
    assert [(one.symbol, one.interval, one.comparison.compared, one.comparison.differing) for one in verified] == [
        ("SUSHIBTC", "1h", 24, 0),
        ("SUSHIBTC", "15m", 96, 0),
    ]


def test_every_pair_of_a_day_is_certified_and_every_minute_accounted_for(
    bench: CandleBench, instance: dg.DagsterInstance
) -> None:
    """Both pairs trade so seldom that some minutes are empty: that they are is known, not guessed."""
    dg.materialize([exchange_symbols], resources=resources(), instance=instance)
    dg.materialize([candle_history], partition_key="2025-02-01", resources=resources(), instance=instance)
    given = {"resources": resources(), "instance": instance}
    certified = told(dg.materialize([candle_certificates], partition_key="2025-02-08", **given), "candle_certificates")
    assert certified["certificates"] == 2
    assert certified["every minute accounted for"] == 2
    assert certified["minutes, expected"] == 2 * 1_440
    assert certified["minutes, observed"] + certified["minutes, confirmed empty"] == 2 * 1_440
    assert certified["minutes, confirmed empty"] > 0
    never_asked = dg.materialize([candle_certificates], partition_key="2024-01-01", **given)
    of_it = told(never_asked, "candle_certificates")
    assert (of_it["every minute accounted for"], of_it["minutes, unknown"]) == (0, 2 * 1_440)


def test_live_trades_are_reported_while_they_go_on(bench: CandleBench, instance: dg.DagsterInstance) -> None:
    at = datetime(2025, 2, 11, 5, tzinfo=UTC)
    with transaction(bench.database_url) as connection:
        pair = ensure_symbol(connection, exchange="binance", symbol="BTCUSDT", base="BTC", quote="USDT", seen_at=at)
    book = FeedBook(bench.database_url, "binance", [pair])

    def sense(cursor: str | None = None) -> Any:
        context = dg.build_sensor_context(instance=instance, cursor=cursor)
        return price_ticks_reported(context, warehouse=WarehouseResource())

    def trade(number: int) -> ExchangeTrade:
        return ExchangeTrade(
            symbol="BTCUSDT",
            trade_id=number,
            traded_at=at + timedelta(seconds=number),
            price=Decimal(1),
            quantity=Decimal(1),
            buyer_is_maker=False,
        )

    assert isinstance(sense(), dg.SkipReason)
    book.store([trade(1), CaughtUp(symbol="BTCUSDT", until=at)])
    book.reckon()
    (event,) = sense().asset_events
    assert event.metadata["live"].value == 1
    assert event.metadata["trades stored"].value == 1
    assert isinstance(sense(cursor="1"), dg.SkipReason), "nothing new, nothing to report"
    book.store([trade(2)])
    assert sense(cursor="1").cursor == "2"
    book.turn_down("the stream broke off")
    assert isinstance(sense(cursor="1"), dg.SkipReason), "a feed that is down makes the asset overdue"
