"""The soak's checks see a break: a sound market from the simulated world, then one row is spoiled, and it is named."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.types.json import Jsonb

from bench.simulated import SimulatedCoinGecko
from cryptoflow.collect.replay import replay_snapshots
from cryptoflow.contracts.candles import FIGURES
from cryptoflow.simulator.market.model import Market
from cryptoflow.sources.ledger import RawAnswer
from cryptoflow.warehouse.candles import Candle, Origin, store_candles
from cryptoflow.warehouse.payloads import PostgresPayloads
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.symbols import ensure_symbol
from cryptoflow.warehouse.ticks import Tick, store_ticks
from cryptoflow_tests.exchange_truth import true_minutes, true_trades
from soak.checks import answers, bounds, exchanges, keys, rebuilt, slots
from soak.checks.verdict import Verdict
from soak.journal import Journal

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PAIR = ("binance", "BTCUSDT")
FETCH = """
INSERT INTO raw.fetches (
    provider, endpoint, params, started_at, elapsed_ms, attempt, outcome, status, credits, payload_sha256, received_at
) VALUES (%s, %s, %s, %s, 10, 1, 'ok', 200, 1, %s, %s)
"""


class Soaked:
    """A warehouse that holds some minutes of a simulated market, all of them true."""

    def __init__(self, url: str, folder: Path, market: Market) -> None:
        self.url = url
        self.market = market
        self.journal = Journal(folder / "soak.jsonl")
        self._folder = folder
        # Of Dagster's own tables the one that is asked.
        self.execute("CREATE TABLE runs AS SELECT 'sound' AS run_id, 'SUCCESS' AS status")
        self._listings()
        self._exchange()

    def _listings(self) -> None:
        simulated = SimulatedCoinGecko.of(self.market)
        for number in range(3):
            (answer,) = simulated.pages_at(NOON + number * MINUTE, per_page=250, pages=1)
            self.receive(answer)

    def receive(self, answer: RawAnswer) -> None:
        """As the platform does: the call and the body on record, the rows through the path of live answers."""
        PostgresPayloads(self.url).keep(answer)
        given = (answer.provider, answer.endpoint, Jsonb(dict(answer.params)))
        self.execute(FETCH, *given, answer.fetched_at, answer.payload_sha256, answer.fetched_at)
        file = self._folder / f"{answer.payload_sha256.hex()}.json"
        file.write_bytes(answer.body)
        replay_snapshots(
            self.url,
            [file],
            provider=answer.provider,
            endpoint=answer.endpoint,
            fetched_at=answer.fetched_at,
            world="simulated",
        )

    def _exchange(self) -> None:
        ends = NOON + 20 * MINUTE
        with transaction(self.url) as connection:
            known = ensure_symbol(connection, exchange=PAIR[0], symbol=PAIR[1], base="BTC", quote="USDT", seen_at=NOON)
            minutes = [
                Candle(
                    symbol_id=known.symbol_id,
                    open_time=at,
                    close_time=at + MINUTE - timedelta(milliseconds=1),
                    **dict(zip(FIGURES, figures, strict=True)),
                )
                for at, figures in true_minutes(self.market, *PAIR, NOON, ends).items()
            ]
            store_candles(connection, minutes, origin=Origin(source="rest", fetched_at=ends))
            traded = true_trades(self.market, *PAIR, NOON, ends)
            store_ticks(
                connection,
                [
                    Tick(
                        symbol_id=known.symbol_id, trade_id=number, traded_at=at, price=price, quantity=quantity,
                        is_buyer_maker=waited, fills=fills,
                    )
                    for number, (at, price, quantity, waited, fills) in traded.items()
                ],
            )  # fmt: skip
        self.execute(
            "INSERT INTO candles.trade_feeds (symbol_id, state, state_since, first_trade_id, next_trade_id, beat_at)"
            " VALUES (%s, 'live', now(), %s, %s, now())",
            known.symbol_id, min(traded), max(traded) + 1,
        )  # fmt: skip

    def execute(self, statement: str, *values: object) -> int:
        with psycopg.connect(self.url) as connection:
            return connection.execute(statement.encode(), values).rowcount

    def spoil(self, *statements: str) -> None:
        """Change what is stored; each statement must find something."""
        for statement in statements:
            assert self.execute(statement) != 0, statement


@pytest.fixture(scope="module")
def market() -> Market:
    return Market(seed=1, asset_count=40)


@pytest.fixture
def soaked(database_url: str, tmp_path: Path, market: Market) -> Soaked:
    return Soaked(database_url, tmp_path, market)


def broken(*verdicts: Verdict) -> list[str]:
    return [sentence for one in verdicts for sentence in one.breaks]


Check = Callable[[Soaked], list[Verdict]]
CHECKS: dict[str, Check] = {
    "keys": lambda at: [keys.keys_are_unique(at.url)],
    "snapshots": lambda at: [answers.samples_stand_in_answers(at.url)],
    "answers": lambda at: [answers.answers_are_true(at.url, at.market, at.journal)],
    "trades": lambda at: [exchanges.trades_are_true(at.url, at.market, at.journal)],
    "missing trades": lambda at: [exchanges.no_trade_is_missing(at.url, at.market, at.journal)],
    "minutes": lambda at: [exchanges.minutes_are_true(at.url, at.market, at.journal)],
    "closes": lambda at: rebuilt.closes_follow(at.url),
    "candles": lambda at: [rebuilt.candles_follow(at.url)],
    "candle slots": lambda at: [slots.minutes_have_states(at.url)],
    "nothing waits": lambda at: [bounds.nothing_waits(at.url, at.url)],
}
OLDEST_SAMPLE = "(SELECT observed_at, asset_id FROM raw.market_snapshots ORDER BY observed_at, asset_id LIMIT 1)"
ONE_TRADE = "(SELECT min(trade_id) + 3 FROM candles.price_ticks)"
BREAKS = {
    "a key without its index": (
        "keys",
        ["ALTER TABLE market.hourly_close DROP CONSTRAINT pk_hourly_close"],
        "market.hourly_close: no valid unique index holds the key (bucket, asset_id)",
    ),
    "a trade stored twice": (
        "keys",
        [
            "INSERT INTO candles.price_ticks (traded_at, symbol_id, trade_id, price, quantity, fills)"
            " SELECT traded_at + interval '1 millisecond', symbol_id, trade_id, price, quantity, fills"
            f" FROM candles.price_ticks WHERE trade_id = {ONE_TRADE}"
        ],
        "candles.price_ticks: 2 rows have (symbol_id, trade_id)",
    ),
    "a figure that no answer holds": (
        "snapshots",
        [f"UPDATE raw.market_snapshots SET volume_24h_usd = 1 WHERE (observed_at, asset_id) = {OLDEST_SAMPLE}"],
        "but its answer",
    ),
    "a snapshot of an answer that never came": (
        "snapshots",
        [
            "UPDATE raw.market_snapshots SET payload_sha256 = sha256('none')"
            f" WHERE (observed_at, asset_id) = {OLDEST_SAMPLE}"
        ],
        "was never received, or is not kept",
    ),
    "a trade that never was": (
        "trades",
        [f"UPDATE candles.price_ticks SET price = price + 1 WHERE trade_id = {ONE_TRADE}"],
        "binance:BTCUSDT",
    ),
    "a trade that is not there": (
        "missing trades",
        [f"DELETE FROM candles.price_ticks WHERE trade_id = {ONE_TRADE}"],
        "is missing; it was",
    ),
    "a minute that is not the exchange's": (
        "minutes",
        ["UPDATE candles.minute_candles SET volume = volume + 1 WHERE open_time = '2026-06-01 12:05Z'"],
        "binance:BTCUSDT 2026-06-01 12:05 says",
    ),
    "a close that no sample explains": (
        "closes",
        [
            "UPDATE market.minute_close SET price_usd = price_usd * 2 WHERE (bucket, asset_id) ="
            " (SELECT min(bucket), min(asset_id) FROM market.minute_close)"
        ],
        "market.minute_close",
    ),
    "a close that was made up": (
        "closes",
        [
            "INSERT INTO market.hourly_close (bucket, asset_id, open_usd, high_usd, low_usd, price_usd, samples,"
            " expected_samples, first_at, last_at, formula_version) SELECT bucket, 9999, open_usd, high_usd, low_usd,"
            " price_usd, samples, expected_samples, first_at, last_at, formula_version FROM market.hourly_close LIMIT 1"
        ],
        "9999 is made up",
    ),
    "a day that lost a row": (
        "closes",
        ["DELETE FROM market.daily_close WHERE asset_id = (SELECT min(asset_id) FROM market.daily_close)"],
        "market.daily_close 2026-06-01 00:00:00+00:00, 1 is missing",
    ),
    "a larger candle that is not its minutes": (
        "candles",
        ["UPDATE candles.coarse_candles SET trade_count = trade_count + 1 WHERE interval = '15m'"],
        "candles.coarse_candles 15m",
    ),
    "a minute that nobody speaks of": (
        "candle slots",
        ["DELETE FROM candles.minute_candles WHERE open_time = '2026-06-01 12:05Z'"],
        "2026-06-01 12:05: no candle, and nothing says why",
    ),
    "a collection that its run left open": (
        "nothing waits",
        [
            "INSERT INTO ops.collection_status (collection_type, dataset, provider, start_time, status, run_id)"
            " VALUES ('manual', 'raw.market_snapshots', 'coingecko', now(), 'running', 'sound')"
        ],
        "a collection of raw.market_snapshots from coingecko runs since",
    ),
    "a bucket that is still marked": (
        "nothing waits",
        ["INSERT INTO ops.dirty_buckets (grain, bucket, asset_id) VALUES ('hour', now(), 1)"],
        "1 buckets are marked in ops.dirty_buckets",
    ),
}


def test_a_sound_market_breaks_nothing(soaked: Soaked) -> None:
    verdicts = {name: check(soaked) for name, check in CHECKS.items()}
    assert broken(*(one for found in verdicts.values() for one in found)) == []
    assert all(one.looked_at > 0 for found in verdicts.values() for one in found)


@pytest.mark.parametrize("name", BREAKS)
def test_a_break_is_named(soaked: Soaked, name: str) -> None:
    check, statements, told = BREAKS[name]
    soaked.spoil(*statements)
    sentences = broken(*CHECKS[check](soaked))
    assert any(told in sentence for sentence in sentences), sentences


def spoiled_answer(soaked: Soaked, *, factor: float) -> None:
    """An answer that says a price which the world never had: so many times the true one, or NaN, which is no JSON."""
    simulated = SimulatedCoinGecko.of(soaked.market)
    (answer,) = simulated.pages_at(NOON + 5 * MINUTE, per_page=250, pages=1)
    rows = json.loads(answer.body)
    rows[7]["current_price"] *= factor
    body = json.dumps(rows).encode()
    soaked.receive(replace(answer, body=body, payload_sha256=hashlib.sha256(body).digest()))


@pytest.mark.parametrize("factor", [1.01, math.nan])
def test_an_answer_that_the_world_never_gave_is_named_and_a_fault_on_record_excuses_it(
    soaked: Soaked, factor: float
) -> None:
    spoiled_answer(soaked, factor=factor)
    assert broken(*CHECKS["snapshots"](soaked)) == []
    assert any("is not what the world says" in one for one in broken(*CHECKS["answers"](soaked)))
    soaked.journal.wall = lambda: (NOON + 5 * MINUTE).timestamp() - 1
    soaked.journal.write("fault", name="latency", kind="connection", provider="coingecko", seconds=5.0, rate=1.0)
    assert broken(*CHECKS["answers"](soaked)), "a fault that changes no figure excuses none"
    soaked.journal.write("fault", name="unit_jump_value", kind="body", provider="coingecko", seconds=5.0, rate=1.0)
    (verdict,) = CHECKS["answers"](soaked)
    assert verdict.holds
    assert "1 under unit_jump_value" in verdict.told


def test_a_check_that_finds_nothing_to_look_at_does_not_hold(database_url: str, tmp_path: Path, market: Market) -> None:
    verdict = exchanges.trades_are_true(database_url, market, Journal(tmp_path / "soak.jsonl"))
    assert not verdict.holds
    assert "nothing is proven" in verdict.breaks[0]


def test_a_minute_that_waits_for_the_exchanges_word_is_accounted_for(soaked: Soaked) -> None:
    soaked.spoil(
        "UPDATE candles.minute_candles SET is_final = false, source = 'trades' WHERE open_time = '2026-06-01 12:05Z'"
    )
    assert broken(*CHECKS["candle slots"](soaked)) == []


def test_a_minute_in_which_trades_are_still_to_come_is_not_judged(soaked: Soaked) -> None:
    last = "(SELECT max(open_time) FROM candles.minute_candles)"
    provisional = (
        f"UPDATE candles.minute_candles SET is_final = false, source = 'trades', volume = 1 WHERE open_time = {last}"
    )
    soaked.spoil(provisional, f"UPDATE candles.trade_feeds SET whole_until = {last} + interval '30 seconds'")
    assert broken(*CHECKS["minutes"](soaked)) == []
    soaked.spoil(f"UPDATE candles.trade_feeds SET whole_until = {last} + interval '60 seconds'")
    assert "binance:BTCUSDT 2026-06-01 12:19 says" in broken(*CHECKS["minutes"](soaked))[0]
