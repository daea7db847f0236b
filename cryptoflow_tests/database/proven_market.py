"""A market of the last two months and candles of the last hours in a warehouse, sound in every respect until a test
spoils them; and what expectations then find."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg

from cryptoflow.cadence import Grain, bucket_start
from cryptoflow.quality.proving import prove
from cryptoflow.quality.suites import suite_of
from cryptoflow.settings import load_settings
from cryptoflow.warehouse.candle_certificates import issue_certificate
from cryptoflow.warehouse.candle_gaps import tell_candle_slots
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.symbols import find_symbol
from cryptoflow.warehouse.ticks import Tick, store_ticks
from cryptoflow_tests import candles_model
from cryptoflow_tests.closes_model import rows, sample, store
from cryptoflow_tests.database.recorded_market import coin, fill

ASSETS = 24
MINUTES = (5, 6, 7, 8)


def closed_hour(now: datetime) -> datetime:
    """The newest hour that expectations hold for closed."""
    return bucket_start(now - timedelta(minutes=5), Grain.HOUR) - timedelta(hours=1)


def sound_market(database_url: str, folder: Path) -> datetime:
    """Fill it; returns the instant that the newest samples were observed at."""
    now = datetime.now(UTC).replace(microsecond=0)
    fill(database_url, folder, *(coin(f"coin-{n}", str(101 + n), now - timedelta(days=70)) for n in range(ASSETS)))
    ids = [asset for (asset,) in rows(database_url, "SELECT asset_id FROM market.assets ORDER BY asset_id")]
    hour = closed_hour(now)
    instants = [
        *(now - timedelta(days=days) for days in (40, 20, 9, 2, 1)),
        *(hour + timedelta(minutes=minute, seconds=20) for minute in MINUTES),
        now - timedelta(minutes=2),
        now - timedelta(minutes=1),
    ]
    store(
        database_url,
        *(
            sample(
                instant,
                Decimal(100 + rank) * (1 + Decimal(step) / 10_000),
                asset_id=asset,
                market_cap_rank=rank,
                provider=provider,
            )
            for step, instant in enumerate(instants)
            for rank, asset in enumerate(ids, start=1)
            for provider in ("coingecko", "coinmarketcap")
        ),
    )
    return instants[-1]


def sound_candles(database_url: str) -> None:
    """Two pairs over the last five hours, of which one is quiet in every third minute and was out for a while."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    for number, pair in enumerate(("BTCUSDT", "ETHUSDT")):
        symbol = candles_model.symbol_id(database_url, pair)
        candles_model.store(
            database_url,
            *(
                candles_model.candle(
                    now - timedelta(minutes=back),
                    f"{price} {price + 3} {price - 2} {price + 1}",
                    str(0 if number and back % 3 == 0 else back),
                    symbol=symbol,
                )
                for back in range(1, 301)
                for price in (100 + back % 7,)
                if not (number and 60 <= back < 80)
            ),
            fetched_at=now,
        )
        with transaction(database_url) as connection:
            if number:
                span = (now - timedelta(minutes=79), now - timedelta(minutes=59))
                tell_candle_slots(connection, symbol, [span], state="feed_down", reason="It was out.", asked=True)
            known = find_symbol(connection, exchange="binance", symbol=pair)
            issue_certificate(connection, known, now - timedelta(minutes=30), now=now)
            store_ticks(
                connection,
                [
                    Tick(
                        traded_at=now - timedelta(seconds=seconds), symbol_id=symbol, trade_id=1000 - seconds,
                        price=Decimal(100), quantity=Decimal(1), is_buyer_maker=None, fills=1,
                    )
                    for seconds in range(1, 300)
                ],
            )  # fmt: skip


def spoil(database_url: str, *statements: str, **values: object) -> None:
    """Change rows; each statement must find some."""
    with psycopg.connect(database_url) as connection:
        for statement in statements:
            assert connection.execute(statement, values).rowcount != 0, statement


def broken(database_url: str, dataset: str) -> dict[str, int | None]:
    """What does not hold of the dataset, with the number of rows against it."""
    (proof,) = prove(load_settings(), [suite_of(dataset)], database_url=database_url)
    return {outcome.rule.name: outcome.unexpected for outcome in proof.failed}
