"""The page for analysts: each of its blocks runs, as the role that only reads, and says what follows from the market.

Figures are computed once more in Python, from the raw samples or from the simulated exchanges themselves. Every query
is asked as of the instant at which the market was filled, so that a slow machine sees the same.
"""

from __future__ import annotations

import hashlib
import math
import re
import shlex
import statistics
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from typer.testing import CliRunner

from cryptoflow.cadence import Grain, bucket_start
from cryptoflow.cli.main import app
from cryptoflow.quality.suites import suite_of
from cryptoflow.runtime.urls import parse_database_url
from cryptoflow.warehouse.reader import read
from cryptoflow_tests.closes_model import rows
from cryptoflow_tests.platform.analyst_market import CHARTED, DAY, MINUTE, MISSED, PROVEN, AnalystMarket, analyst_market
from cryptoflow_tests.platform.analyst_page import COLUMNS, PAGE, PYTHON, QUERIES, USER
from cryptoflow_tests.platform.candle_bench import CandleBench

HOUR = timedelta(hours=1)
Row = dict[str, Any]


@pytest.fixture(scope="module")
def market(
    shared_database_url: str, valkey_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AnalystMarket]:
    with analyst_market(shared_database_url, valkey_server, tmp_path_factory.mktemp("home")) as filled:
        yield filled


def ask(market: AnalystMarket, question: str) -> list[Row]:
    """The answer to a block of the page. Its `now()` and the instants of its example are those of the market."""
    query = QUERIES[question]
    for written, meant in (
        ("now()", market.now),
        ("'2026-01-31 12:00Z'", market.before_correction),
        ("'2026-01-31 11:00Z'", market.corrected_minute),
    ):
        query = query.replace(written, f"TIMESTAMPTZ '{meant.isoformat()}'")
    answer = read(market.url, query)
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


def only(found: list[Row], **wanted: object) -> Row:
    (row,) = [row for row in found if all(row[name] == value for name, value in wanted.items())]
    return row


@pytest.mark.usefixtures("market")
def test_every_block_of_the_page_is_tried() -> None:
    assert sorted(QUERIES) == sorted(COLUMNS)
    assert PAGE.count("```sql") == len(COLUMNS) + 1, "one with each question, and the one that makes a user"
    assert USER.startswith("CREATE ROLE")
    assert len(PYTHON) == 2


@pytest.mark.parametrize("question", COLUMNS)
def test_a_query_runs_and_finds_what_it_says(market: AnalystMarket, question: str) -> None:
    answer = read(market.url, QUERIES[question])
    assert answer.columns == COLUMNS[question].split()
    if "2026-01-31" not in QUERIES[question]:
        assert answer.rows
    assert [list(row) for row in ask(market, question)][:1] == [answer.columns]


# Closes, once more from the raw samples ------------------------------------------------------------------------


def minute_prices(market: AnalystMarket, slug: str) -> dict[datetime, Decimal]:
    """The price of each minute: CoinGecko's last listing in it, else its chart, else CoinMarketCap's last listing."""
    query = (
        "SELECT observed_at, price_usd, CASE WHEN provider = 'coinmarketcap' THEN 0 ELSE weight END FROM ("
        " SELECT asset_id, provider, observed_at, price_usd, 2 AS weight FROM raw.market_snapshots"
        " UNION ALL SELECT asset_id, provider, observed_at, price_usd, 1 FROM raw.market_chart_points"
        ") AS samples INNER JOIN market.assets USING (asset_id) WHERE slug = %s"
    )
    found: dict[datetime, Decimal] = {}
    for observed_at, price, _ in sorted(rows(market.url, query, slug), key=lambda row: (row[2], row[0])):
        found[bucket_start(observed_at, Grain.MINUTE)] = price
    return found


def hour_prices(market: AnalystMarket, slug: str) -> dict[datetime, Decimal]:
    """The last price of each hour."""
    return {bucket_start(minute, Grain.HOUR): price for minute, price in sorted(minute_prices(market, slug).items())}


def hourly_returns(market: AnalystMarket, slug: str) -> dict[datetime, float]:
    """The logarithmic returns of whole hours that follow each other, over the last thirty days."""
    asked = datetime.now(UTC)
    prices = {
        hour: float(price)
        for hour, price in hour_prices(market, slug).items()
        if hour >= market.now - 30 * DAY and asked >= hour + HOUR + 2 * MINUTE
    }
    return {
        hour: math.log(price / prices[hour - HOUR]) for hour, price in sorted(prices.items()) if hour - HOUR in prices
    }


def test_the_largest_coins_stand_where_their_last_samples_say(market: AnalystMarket) -> None:
    found = ask(market, "How the largest coins stand")
    assert [row["market_cap_rank"] for row in found] == list(range(1, 11))
    for row in found[:CHARTED]:
        prices, hours = minute_prices(market, row["coin_id"]), hour_prices(market, row["coin_id"])
        before = hours[bucket_start(market.now, Grain.HOUR) - 25 * HOUR]
        assert row["price_usd"] == prices[max(prices)]
        assert row["change_24h_percent"] == round(100 * (row["price_usd"] / before - 1), 2)
        assert timedelta(0) < row["age"] < HOUR
    assert [row["change_24h_percent"] for row in found[CHARTED:]] == [None] * (10 - CHARTED)


def test_days_are_their_hours(market: AnalystMarket) -> None:
    hours = hour_prices(market, "bitcoin")
    day = only(ask(market, "Which days of a coin are whole"), day_ts=market.today - 2 * DAY)
    inside = [price for hour, price in sorted(hours.items()) if day["day_ts"] <= hour < day["day_ts"] + DAY]
    assert (day["samples"], day["expected_samples"], day["coverage"]) == (24, 24, 1)
    assert (day["price_usd"], day["status"]) == (inside[-1], "final")
    assert day["low_usd"] <= min(inside) <= max(inside) <= day["high_usd"]


def test_the_grid_has_every_hour_and_no_invented_price(market: AnalystMarket) -> None:
    hours = hour_prices(market, "bitcoin")
    found = ask(market, "A coin hour by hour with its holes")
    assert len(found) == 49
    assert {row["hour_ts"]: row["price_usd"] for row in found} == {
        row["hour_ts"]: hours.get(row["hour_ts"]) for row in found
    }


def test_volatility_is_the_deviation_of_the_returns(market: AnalystMarket) -> None:
    found = ask(market, "Volatility")
    assert len(found) == CHARTED
    for row in found:
        returns = list(hourly_returns(market, row["coin_id"]).values())
        assert row["returns"] == len(returns) > 150
        assert float(row["hourly_deviation"]) == pytest.approx(statistics.stdev(returns), rel=1e-9)
        assert float(row["yearly_volatility"]) == pytest.approx(statistics.stdev(returns) * math.sqrt(8760), rel=1e-9)


def test_correlation_is_that_of_the_common_hours(market: AnalystMarket) -> None:
    found = ask(market, "Correlation")
    assert len(found) == CHARTED * (CHARTED - 1) // 2
    for row in found:
        one, other = (hourly_returns(market, row[name]) for name in ("coin_id", "other_coin_id"))
        common = sorted(one.keys() & other.keys())
        expected = statistics.correlation([one[hour] for hour in common], [other[hour] for hour in common])
        assert row["hours"] == len(common)
        assert row["correlation"] == pytest.approx(expected, rel=1e-9)


def test_providers_disagree_by_what_their_samples_say(market: AnalystMarket) -> None:
    found = ask(market, "Where providers disagree")
    query = "SELECT slug, slot, provider, price_usd FROM raw.market_snapshots INNER JOIN market.assets USING (asset_id)"
    told = {(slug, slot, provider): price for slug, slot, provider, price in rows(market.url, query)}
    apart = {}
    for (slug, slot, provider), price in told.items():
        other = told.get((slug, slot, "coinmarketcap"))
        if provider == "coingecko" and other is not None:
            apart[slug, slot] = price / other - 1
    largest = sorted(apart, key=lambda key: -abs(apart[key]))[:20]
    assert {(row["slug"], row["slot"]) for row in found} == set(largest)
    assert [row["apart_bp"] for row in found] == [round(10_000 * apart[row["slug"], row["slot"]], 1) for row in found]


# Exchanges, from their own trades ------------------------------------------------------------------------------


def true_minutes(market: AnalystMarket, exchange: str, symbol: str, start: datetime) -> dict[datetime, tuple[Any, ...]]:
    """Open, high, low, close, volume, quote volume and more, as the exchange has them."""
    bench = CandleBench(market.bench.server, market.url, market.bench.valkey_url)
    return bench.true_minutes(exchange, symbol, start, market.bench.minute)


def test_two_exchanges_stand_beside_each_other(market: AnalystMarket) -> None:
    found = ask(market, "Two exchanges beside each other")
    assert len(found) == len({row["open_time"] for row in found}) >= 23
    row = found[-2]
    ends = row["open_time"] + HOUR
    for exchange, symbol, close, volume in (
        ("binance", "BTCUSDT", "binance_usdt", "binance_btc"),
        ("coinbase", "BTC-USD", "coinbase_usd", "coinbase_btc"),
    ):
        truth = true_minutes(market, exchange, symbol, row["open_time"])
        inside = [figures for at, figures in sorted(truth.items()) if at < ends]
        assert (row[close], row[volume]) == (inside[-1][3], sum(figures[4] for figures in inside))
        assert row[f"{exchange}_coverage"] == round(Decimal(len(inside)) / 60, 6)
    assert row["apart_bp"] == round(10_000 * (row["binance_usdt"] / row["coinbase_usd"] - 1), 1)


def test_the_mean_price_is_what_was_paid_over_what_was_bought(market: AnalystMarket) -> None:
    found = ask(market, "Mean price by volume")
    hour = found[-1]["hour_ts"] - HOUR
    for exchange, symbol in (("binance", "BTCUSDT"), ("coinbase", "BTC-USD")):
        row = only(found, exchange=exchange, symbol=symbol, hour_ts=hour)
        truth = true_minutes(market, exchange, symbol, hour)
        inside = [figures for at, figures in truth.items() if at < hour + HOUR]
        volume = sum(figures[4] for figures in inside)
        assert row["volume"] == volume
        by_close = sum(figures[3] * figures[4] for figures in inside) / volume
        assert float(row["vwap_of_closes"]) == pytest.approx(float(by_close), rel=1e-12)
        if exchange == "coinbase":
            assert row["vwap"] is None
        else:
            paid = sum(figures[5] for figures in inside) / volume
            assert float(row["vwap"]) == pytest.approx(float(paid), rel=1e-12)


def test_minutes_of_a_pair_without_a_candle_are_those_in_which_nothing_was_traded(market: AnalystMarket) -> None:
    (row,) = ask(market, "Minutes of a pair without a candle")
    assert (row["exchange"], row["symbol"], row["state"]) == ("coinbase", "AAVE-BTC", "confirmed_empty")
    start, end = bucket_start(market.now, Grain.MINUTE) - DAY, market.bench.minute - MINUTE
    traded = [at for at in true_minutes(market, "coinbase", "AAVE-BTC", start) if start <= at < end]
    # Of the minute that is just over an answer says nothing yet.
    assert row["minutes"] - ((end - start) // MINUTE - len(traded)) in (0, 1)


def test_certificates_count_what_the_exchange_had(market: AnalystMarket) -> None:
    found = ask(market, "What a day of candles held")
    assert len(found) == 4
    for row in found:
        truth = true_minutes(market, row["exchange"], row["symbol"], row["day"])
        day = [figures for at, figures in truth.items() if at < row["day"] + DAY]
        assert row["observed_minutes"] == len(day)
        assert row["traded_minutes"] == sum(figures[4] > 0 for figures in day)
        assert row["explained_minutes"] == row["expected_minutes"] - len(day)
        assert (row["expected_minutes"], row["unknown_minutes"]) == (1440, 0)


# What is missing, what was believed, whether it holds ----------------------------------------------------------


def test_velocity_is_volume_over_market_cap_and_what_is_not_known_has_its_reason(market: AnalystMarket) -> None:
    found = ask(market, "What turns over fastest")
    query = (
        "SELECT volume_24h_usd, market_cap_usd FROM market.minute_close INNER JOIN market.assets USING (asset_id)"
        " WHERE slug = 'tether' ORDER BY bucket DESC LIMIT 1"
    )
    ((volume, cap),) = rows(market.url, query)
    tether = only(found, coin_id="tether")
    assert tether["velocity"] == round(volume / cap, 8)
    assert tether["velocity_24h"] is not None
    young = [row for row in found if row["velocity_24h"] is None]
    assert {row["why_no_24h"] for row in young} == {"below_window"}
    assert {row["trend"] for row in young} == {"insufficient_data"}
    reasons = ask(market, "Why velocity is not known")
    coins = market.bench.whole - CHARTED
    assert only(reasons, figure="velocity_24h")["coins"] == coins
    assert only(reasons, figure="velocity_24h")["reason"] == "below_window"


def test_missed_slots_are_told_with_their_reason(market: AnalystMarket) -> None:
    found = ask(market, "Slots that were missed")
    nobody = [number for number, provider in MISSED.items() if provider is None]
    assert {row["provider"]: (row["state"], row["slots"]) for row in found} == {
        "coingecko": ("feed_down", len(MISSED)),
        "coinmarketcap": ("feed_down", len(nobody)),
    }
    assert all("HTTP 503" in row["reason"] for row in found)


def test_minutes_without_a_close_are_the_others_of_the_grid(market: AnalystMarket) -> None:
    found = ask(market, "Minutes of a coin without a close")
    last = bucket_start(market.now, Grain.MINUTE)
    there = minute_prices(market, "bitcoin")
    expected = [last - back * MINUTE for back in range(30, -1, -1) if last - back * MINUTE not in there]
    assert [row["minute_ts"] for row in found] == expected
    told = [row for row in found if row["states"]]
    assert "coingecko: feed_down, coinmarketcap: feed_down" in {row["states"] for row in told}
    assert all("503" in row["reasons"] for row in told if "feed_down" in row["states"])


def test_the_market_is_counted_by_hours(market: AnalystMarket) -> None:
    found = ask(market, "How much of the market is there")
    coins = {slug: hour_prices(market, slug) for (slug,) in rows(market.url, "SELECT slug FROM market.assets")}
    for row in found:
        assert row["coins"] == sum(row["hour_ts"] in hours for hours in coins.values())
    whole = found[len(found) // 2]
    assert (whole["coins"], whole["coins_every_five_minutes"], whole["least_coverage"]) == (
        CHARTED, CHARTED, Decimal("0.2"),
    )  # fmt: skip


def test_a_correction_is_told_and_the_old_price_is_still_known_as_of_before(market: AnalystMarket) -> None:
    known = only(ask(market, "A coin as it was known at an instant"), bucket=market.corrected_minute)
    found = ask(market, "What was corrected")
    # Each version is told beside what is said now; this one stood when we looked.
    correction = only(found, coin_id="bitcoin", bucket=market.corrected_minute, corrected_at=known["superseded_at"])
    assert (correction["was_usd"], correction["change_bp"]) == (known["price_usd"], Decimal("100.0"))
    assert correction["corrected_at"] > market.before_correction
    assert [abs(row["change_bp"]) for row in found] == sorted((abs(row["change_bp"]) for row in found), reverse=True)
    assert minute_prices(market, "bitcoin")[market.corrected_minute] == correction["is_usd"]


def test_a_figure_is_in_the_answer_that_it_is_traced_to(market: AnalystMarket) -> None:
    found = ask(market, "Where a figure comes from")
    assert {row["provider"] for row in found} == {"coingecko", "coinmarketcap"}
    for row in found:
        ((body, size),) = rows(
            market.url,
            "SELECT body, body_bytes FROM raw.payloads WHERE payload_sha256 = decode(%s, 'hex')",
            row["payload_sha256"],
        )
        raw = zlib.decompress(body)
        assert (hashlib.sha256(raw).hexdigest(), len(raw)) == (row["payload_sha256"], row["body_bytes"])
        answer = msgspec.json.Decoder(float_hook=Decimal).decode(raw)
        prices = (
            [one["current_price"] for one in answer if one["id"] == "bitcoin"]
            if row["provider"] == "coingecko"
            else [one["quote"]["USD"]["price"] for one in answer["data"] if one["slug"] == "bitcoin"]
        )
        assert prices == [row["price_usd"]]
        assert size == row["body_bytes"]
    replayed = only(found, bucket=market.corrected_minute)
    assert {row["run_id"][:5] for row in found if row is not replayed} == {"tick-"}


def test_scores_tell_whom_a_close_could_be_compared_with(market: AnalystMarket) -> None:
    found = ask(market, "Which closes are sound")
    query = (
        "SELECT slug, count(*), count(*) FILTER (WHERE sources = 1) FROM market.minute_close"
        " INNER JOIN market.assets USING (asset_id) WHERE bucket > %s GROUP BY slug"
    )
    closes = {slug: (minutes, single) for slug, minutes, single in rows(market.url, query, market.now - HOUR)}
    assert {row["slug"]: (row["minutes"], row["of_a_single_source"]) for row in found} == {
        row["slug"]: closes[row["slug"]] for row in found
    }
    assert all(0 <= row["least_score"] <= row["mean_score"] <= 1 for row in found)


def test_expectations_are_counted_by_table(market: AnalystMarket) -> None:
    found = ask(market, "What the expectations say")
    suites = {suite.dataset: suite for suite in map(suite_of, PROVEN)}
    assert {row["dataset"]: row["expectations"] for row in found} == {
        dataset: len(suite.rules) for dataset, suite in suites.items()
    }
    assert all(row["not_looked_at"] == 0 for row in found)


def test_tables_have_their_size_and_how_long_they_are_kept(market: AnalystMarket) -> None:
    found = ask(market, "How much is kept of each table")
    minutes = only(found, table_name="market.minute_close")
    assert (minutes["days_kept"], minutes["is_archived"]) == (7, True)
    assert minutes["partitions"] >= 8


# Connecting ----------------------------------------------------------------------------------------------------


@pytest.fixture
def ana(market: AnalystMarket, monkeypatch: pytest.MonkeyPatch) -> Iterator[AnalystMarket]:
    """The user of the page, and the environment that it connects by."""
    server = parse_database_url(market.url)
    given = dict(re.findall(r"(PG\w+)=('[^']+'|\S+)", PAGE.partition("export ")[2].splitlines()[0]))
    for name, value in {
        **given, "PGHOST": server.address.host, "PGPORT": str(server.address.port), "PGDATABASE": server.name,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value.strip("'"))
    with psycopg.connect(market.url, autocommit=True) as owner:
        owner.execute("DROP ROLE IF EXISTS ana")
        owner.execute(USER.encode())
        try:
            yield market
        finally:
            owner.execute("DROP ROLE ana")


@pytest.mark.usefixtures("ana")
def test_the_user_of_the_page_reads_everything_and_writes_nothing() -> None:
    (command,) = re.findall(r"^psql (.+)$", PAGE, re.MULTILINE)
    query = shlex.split(command)[-1]
    with psycopg.connect("", autocommit=True) as connection:
        assert connection.execute("SELECT current_user, current_setting('timezone')").fetchall() == [("ana", "UTC")]
        assert len(connection.execute(query.encode()).fetchall()) == 5
        assert connection.execute("SELECT count(*) > 0 FROM raw.payloads").fetchone() == (True,)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("DELETE FROM market.assets")
        connection.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM market.assets")


def test_pandas_reads_by_sqlalchemy(ana: AnalystMarket) -> None:
    names: dict[str, Any] = {}
    exec(PYTHON[0], names)
    names["engine"].dispose()
    prices = names["prices"]
    assert list(prices.columns) == ["bitcoin", "ethereum"]
    assert len(prices) > 150
    hour = prices.index[-5]
    assert prices["bitcoin"][hour] == float(hour_prices(ana, "bitcoin")[hour.to_pydatetime()])


def test_duckdb_reads_what_the_command_wrote(
    market: AnalystMarket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRYPTOFLOW_DATABASE_URL", market.url)
    monkeypatch.setenv("CRYPTOFLOW_DAGSTER_DATABASE_URL", market.url)
    monkeypatch.setenv("CRYPTOFLOW_HOME", str(tmp_path / "home"))
    (command,) = re.findall(r"^cryptoflow (sql .+)$", PAGE, re.MULTILINE)
    done = CliRunner().invoke(app, shlex.split(command))
    assert done.exit_code == 0, done.output
    names: dict[str, Any] = {}
    exec(PYTHON[1], names)
    day = market.today - 2 * DAY
    (found,) = [
        row for row in names["days"].fetchall() if row[0] == "bitcoin" and str(row[1])[:10] == f"{day:%Y-%m-%d}"
    ]
    hours = [price for hour, price in hour_prices(market, "bitcoin").items() if day <= hour < day + DAY]
    assert found[2:] == (max(hours), 24)
