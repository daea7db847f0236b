"""CoinGecko as simulated: shapes, types, nulls, paging, caching, keys, limits and errors, as its documents say."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import httpx
import pytest

from cryptoflow.simulator.server import SimulatorServer

NOON = 1_767_268_800.0  # 2026-01-01T12:00:00Z
BASE = "/coingecko/api/v3"
DEMO = {"x-cg-demo-api-key": "SIM-DEMO-1"}
PRO = {"x-cg-pro-api-key": "SIM-PRO-1"}
MARKET_KEYS = (
    *("id", "symbol", "name", "image", "current_price", "market_cap", "market_cap_rank"),
    *("market_cap_rank_with_rehypothecated", "fully_diluted_valuation", "total_volume", "high_24h", "low_24h"),
    *("price_change_24h", "price_change_percentage_24h", "market_cap_change_24h"),
    *("market_cap_change_percentage_24h", "circulating_supply", "total_supply", "max_supply"),
    *("ath", "ath_change_percentage", "ath_date", "atl", "atl_change_percentage", "atl_date", "roi", "last_updated"),
)


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatorServer]:
    with SimulatorServer(asset_count=600) as running:
        yield running


@pytest.fixture
def simulator(server: SimulatorServer) -> SimulatorServer:
    server.world.clock.set(now=NOON, freeze=True)
    server.world.limits.reset_usage()
    server.world.faults.clear()
    return server


@pytest.fixture
def web(simulator: SimulatorServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{simulator.url}{BASE}", headers=PRO, trust_env=False, timeout=20.0) as client:
        yield client


@pytest.fixture
def plain(simulator: SimulatorServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{simulator.url}{BASE}", trust_env=False, timeout=20.0) as client:
        yield client


def markets(web: httpx.Client, **params: Any) -> list[dict[str, Any]]:
    answer = web.get("/coins/markets", params={"vs_currency": "usd", **params})
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()
    return rows


# /coins/markets --------------------------------------------------------------------------------------------------


def test_a_row_has_the_documented_fields_in_order(web: httpx.Client) -> None:
    row = markets(web, per_page=1)[0]
    assert tuple(row) == MARKET_KEYS
    assert (row["id"], row["symbol"], row["market_cap_rank"]) == ("bitcoin", "btc", 1)
    assert isinstance(row["market_cap"], int)
    assert isinstance(row["current_price"], int)
    assert isinstance(row["circulating_supply"], float)
    assert row["last_updated"].endswith("Z")


def test_numbers_agree_with_one_another(web: httpx.Client) -> None:
    for row in markets(web, per_page=250, precision="full"):
        assert row["low_24h"] is None or row["low_24h"] <= row["current_price"] <= row["high_24h"]
        assert row["atl"] <= row["current_price"] <= row["ath"]
        assert row["market_cap"] == pytest.approx(row["current_price"] * row["circulating_supply"], rel=1e-6, abs=1)
        assert row["max_supply"] is None or row["circulating_supply"] <= row["max_supply"]


def test_nulls_and_kinds_occur_as_in_the_real_answers(web: httpx.Client) -> None:
    rows = [row for page in (1, 2, 3) for row in markets(web, per_page=250, page=page, price_change_percentage="1y")]
    assert any(row["max_supply"] is None and row["fully_diluted_valuation"] is None for row in rows)
    assert all((row["max_supply"] is None) == (row["fully_diluted_valuation"] is None) for row in rows)
    assert any(row["total_supply"] is None for row in rows)
    assert any(row["price_change_percentage_1y_in_currency"] is None for row in rows)
    assert any(row["roi"] is None for row in rows)
    assert any(set(row["roi"] or ()) == {"times", "currency", "percentage"} for row in rows)
    assert {type(row["current_price"]) for row in rows} == {int, float}
    assert any(0 < row["current_price"] < 1e-8 for row in rows)
    assert any(row["circulating_supply"] > 1e14 for row in rows)
    assert len({row["symbol"] for row in rows}) < len(rows)


def test_pages_are_capped_and_end_in_an_empty_one(web: httpx.Client) -> None:
    assert len(markets(web)) == 100
    assert len(markets(web, per_page=251)) == 250
    everything = [row["id"] for page in (1, 2, 3) for row in markets(web, per_page=250, page=page)]
    assert 520 < len(set(everything)) <= 600
    assert markets(web, per_page=250, page=99) == []
    answer = web.get("/coins/markets?vs_currency=usd&per_page=5")
    assert not {"link", "per-page", "total"} & set(answer.headers)


def test_asked_changes_are_added(web: httpx.Client) -> None:
    row = markets(web, per_page=1, price_change_percentage="1h,24h,7d,14d,30d,200d,1y")[0]
    added = [name for name in row if name.endswith("_in_currency")]
    names = ("14d", "1h", "1y", "200d", "24h", "30d", "7d")
    assert added == [f"price_change_percentage_{name}_in_currency" for name in names]
    assert row["price_change_percentage_24h_in_currency"] == pytest.approx(row["price_change_percentage_24h"], abs=1e-5)


def test_orders_filters_and_currencies(web: httpx.Client) -> None:
    assert [row["id"] for row in markets(web, ids="ethereum,bitcoin,nothing")] == ["bitcoin", "ethereum"]
    assert [row["id"] for row in markets(web, ids="ethereum,bitcoin", order="id_desc")] == ["ethereum", "bitcoin"]
    ascending = [row["market_cap"] for row in markets(web, order="market_cap_asc", per_page=250)]
    assert ascending == sorted(ascending)
    volumes = [row["total_volume"] for row in markets(web, order="volume_desc", per_page=50)]
    assert volumes == sorted(volumes, reverse=True)
    assert len(markets(web, symbols="nova")) == 1
    assert {row["id"] for row in markets(web, symbols="nova", include_tokens="all")} >= {"nova-meridian", "nova-lend"}
    memes = {row["id"] for row in markets(web, category="meme", per_page=250)}
    assert {"dogecoin", "shiba-inu"} <= memes
    assert "bitcoin" not in memes
    in_bitcoin = markets(web, ids="bitcoin", vs_currency="btc", precision="full")[0]
    assert in_bitcoin["current_price"] == pytest.approx(1.0)


def test_precision_and_sparkline(web: httpx.Client) -> None:
    assert markets(web, ids="shiba-inu", precision="3")[0]["current_price"] == 0.0
    assert 0 < markets(web, ids="shiba-inu", precision="full")[0]["current_price"] < 1e-3
    spark = markets(web, ids="bitcoin", sparkline="true")[0]["sparkline_in_7d"]["price"]
    assert len(spark) == 168


def test_bad_parameters(web: httpx.Client) -> None:
    for path in ("/coins/markets", "/coins/markets?vs_currency=zzz", "/simple/price?ids=bitcoin"):
        answer = web.get(path)
        assert answer.status_code == 422
        assert isinstance(answer.json()["error"], str)
    assert web.get("/coins/markets?vs_currency=usd&category=nothing").status_code == 404


# Caching ---------------------------------------------------------------------------------------------------------


def test_an_answer_stays_the_same_for_its_cache_window(simulator: SimulatorServer, web: httpx.Client) -> None:
    bodies, ages = [], []
    for second in range(0, 180, 5):
        simulator.world.clock.set(now=NOON + second)
        answer = web.get("/coins/markets?vs_currency=usd&per_page=5")
        bodies.append(answer.content)
        ages.append(int(answer.headers["age"]))
        assert answer.headers["cf-cache-status"] == ("HIT" if ages[-1] else "MISS")
    assert 4 <= len(set(bodies)) <= 5
    assert max(ages) < 45
    runs = [body for at, body in enumerate(bodies) if at == 0 or body != bodies[at - 1]]
    assert len(runs) == len(set(bodies))


def test_rows_lag_by_ten_to_sixty_seconds(web: httpx.Client) -> None:
    answer = web.get("/coins/markets?vs_currency=usd&per_page=50")
    made_at = NOON - int(answer.headers["age"])
    stamps = {row["last_updated"] for row in answer.json()}
    assert len(stamps) > 40
    seconds = [60 * int(stamp[14:16]) + float(stamp[17:-1]) for stamp in stamps]
    lags = [(made_at % 3600 - second) % 3600 for second in seconds]
    assert all(10 <= lag <= 61 for lag in lags)


def test_the_tag_is_honoured(web: httpx.Client) -> None:
    first = web.get("/coins/list")
    assert first.headers["etag"].startswith('W/"')
    assert first.headers["cache-control"].startswith("max-age=30, public")
    again = web.get("/coins/list", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_trailing_slash_means_nothing(web: httpx.Client) -> None:
    assert web.get("/simple/price/?ids=bitcoin&vs_currencies=usd").json()["bitcoin"]["usd"] > 0


# Lists, prices, totals -------------------------------------------------------------------------------------------


def test_ping_and_list(web: httpx.Client) -> None:
    assert web.get("/ping").json() == {"gecko_says": "(V3) To the Moon!"}
    rows = web.get("/coins/list").json()
    assert set(rows[0]) == {"id", "symbol", "name"}
    assert "corvane" not in {row["id"] for row in rows}
    with_platforms = {row["id"]: row for row in web.get("/coins/list?include_platform=true").json()}
    assert with_platforms["chainlink"]["platforms"] == {"ethereum": "0x514910771af9ca656af840dff83e8264ecf986ca"}
    assert with_platforms["bitcoin"]["platforms"] == {}
    assert "corvane" in {row["id"] for row in web.get("/coins/list?status=inactive").json()}


def test_a_rename_keeps_the_id(simulator: SimulatorServer, web: httpx.Client) -> None:
    def name(now: float) -> tuple[str, str]:
        simulator.world.clock.set(now=now)
        row = next(row for row in web.get("/coins/list").json() if row["id"] == "harborlight")
        return row["symbol"], row["name"]

    assert (name(1_704_067_200.0), name(NOON)) == (("hlt", "Harborlight"), ("lumr", "Lumera"))


def test_simple_price_leaves_out_what_is_unknown(web: httpx.Client) -> None:
    flags = "include_market_cap=true&include_24hr_vol=true&include_24hr_change=true&include_last_updated_at=true"
    body = web.get(f"/simple/price?ids=bitcoin,nothing&vs_currencies=usd,eur&{flags}").json()
    assert list(body) == ["bitcoin"]
    row = body["bitcoin"]
    assert list(row)[:4] == ["usd", "usd_market_cap", "usd_24h_vol", "usd_24h_change"]
    assert row["eur"] == pytest.approx(row["usd"] * 0.92, rel=1e-4)
    assert isinstance(row["last_updated_at"], int)
    assert web.get("/simple/price?ids=nothing&vs_currencies=usd").json() == {}


def test_totals_are_the_sums(web: httpx.Client) -> None:
    data = web.get("/global").json()["data"]
    caps = [row["market_cap"] for page in (1, 2, 3) for row in markets(web, per_page=250, page=page)]
    assert data["total_market_cap"]["usd"] == pytest.approx(math.fsum(caps), rel=1e-3)
    assert data["active_cryptocurrencies"] == len(caps)
    assert len(data["market_cap_percentage"]) == 10
    assert isinstance(data["updated_at"], int)
    assert "volume_change_percentage_24h_usd" in data


# One coin --------------------------------------------------------------------------------------------------------


def test_a_coin_has_todays_shape(web: httpx.Client) -> None:
    coin = web.get("/coins/bitcoin").json()
    assert coin["web_slug"] == "bitcoin"
    assert coin["hashing_algorithm"] == "SHA-256"
    assert not {"coingecko_rank", "coingecko_score", "developer_score", "public_interest_stats"} & set(coin)
    community = coin["community_data"]
    assert "twitter_followers" not in community
    assert community["reddit_subscribers"] is None
    assert community["reddit_average_posts_48h"] == 0.0
    developer = coin["developer_data"]
    assert len(developer["last_4_weeks_commit_activity_series"]) == 28
    assert developer["commit_count_4_weeks"] == sum(developer["last_4_weeks_commit_activity_series"])
    assert developer["code_additions_deletions_4_weeks"]["deletions"] <= 0
    market = coin["market_data"]
    # Two questions may be answered from caches some seconds apart.
    assert market["current_price"]["usd"] == pytest.approx(markets(web, ids="bitcoin")[0]["current_price"], rel=0.005)
    assert market["max_supply_infinite"] is False


def test_a_coin_without_a_repository_has_nulls(web: httpx.Client) -> None:
    developer = web.get("/coins/shiba-inu").json()["developer_data"]
    assert developer["stars"] is None
    assert developer["code_additions_deletions_4_weeks"] == {"additions": None, "deletions": None}


def test_a_part_that_is_not_wanted_is_absent(web: httpx.Client) -> None:
    flags = "localization=false&tickers=false&market_data=false&community_data=false&developer_data=false"
    coin = web.get(f"/coins/bitcoin?{flags}").json()
    parts = {"localization", "tickers", "market_data", "community_data", "developer_data"}
    assert not parts & set(coin)
    assert parts <= set(web.get("/coins/bitcoin").json())


def test_an_unknown_or_delisted_coin_is_not_found(web: httpx.Client) -> None:
    for path in ("/coins/nothing", "/coins/corvane", "/coins/nothing/market_chart?vs_currency=usd&days=1"):
        answer = web.get(path)
        assert (answer.status_code, answer.json()) == (404, {"error": "coin not found"})


def test_history_of_a_day(web: httpx.Client) -> None:
    body = web.get("/coins/bitcoin/history?date=30-12-2025&localization=false").json()
    assert "localization" not in body
    chart = web.get("/coins/bitcoin/market_chart?vs_currency=usd&days=100").json()["prices"]
    at_midnight = dict(map(tuple, chart))[1_767_052_800_000]
    assert body["market_data"]["current_price"]["usd"] == pytest.approx(at_midnight)
    assert body["community_data"]["reddit_accounts_active_48h"] is None
    assert web.get("/coins/bitcoin/history?date=2025/12/30").status_code == 400
    assert "market_data" not in web.get("/coins/silverquay/history?date=01-01-2024").json()


# Charts ----------------------------------------------------------------------------------------------------------


def points(web: httpx.Client, query: str) -> list[list[float]]:
    body = web.get(f"/coins/bitcoin/market_chart{query}").json()
    assert list(body) == ["prices", "market_caps", "total_volumes"]
    assert len(body["prices"]) == len(body["market_caps"]) == len(body["total_volumes"])
    found: list[list[float]] = body["prices"]
    return found


@pytest.mark.parametrize(
    ("days", "count", "step_seconds"), [("1", 288, 300), ("2", 48, 3_600), ("90", 2_160, 3_600), ("91", 91, 86_400)]
)
def test_granularity_follows_the_span(web: httpx.Client, days: str, count: int, step_seconds: int) -> None:
    found = points(web, f"?vs_currency=usd&days={days}")
    assert abs(len(found) - count) <= 2
    steps = [(after[0] - before[0]) / 1000 for before, after in pairwise(found[:-1])]
    assert all(abs(step - step_seconds) <= 25 for step in steps)


def test_the_last_point_is_now_and_the_others_are_days(web: httpx.Client) -> None:
    found = points(web, "?vs_currency=usd&days=365")
    assert all(stamp % 86_400_000 == 0 for stamp, _ in found[:-1])
    assert found[-1][0] % 86_400_000 != 0
    assert NOON - 45 <= found[-1][0] / 1000 <= NOON


def test_a_finished_day_appears_after_half_past_midnight(simulator: SimulatorServer, web: httpx.Client) -> None:
    midnight = 1_767_312_000_000  # 2026-01-02T00:00:00Z
    simulator.world.clock.set(now=midnight / 1000 + 20 * 60)
    assert midnight not in [stamp for stamp, _ in points(web, "?vs_currency=usd&days=100")]
    simulator.world.clock.set(now=midnight / 1000 + 37 * 60)
    assert midnight in [stamp for stamp, _ in points(web, "?vs_currency=usd&days=100")]


def test_a_range_lies_within_its_bounds(web: httpx.Client) -> None:
    since, until = 1_764_547_200, 1_764_633_600
    found = points(web, f"/range?vs_currency=usd&from={since}&to={until}")
    assert len(found) == 24, "a day that is not the last one has hours"
    assert all(since <= stamp / 1000 <= until for stamp, _ in found)
    fine = points(web, f"/range?vs_currency=usd&from={NOON - 7_200}&to={NOON - 3_600}")
    assert len(fine) == 12
    assert web.get(f"/coins/bitcoin/market_chart/range?vs_currency=usd&from={until}&to={since}").status_code == 422
    assert web.get("/coins/bitcoin/market_chart?vs_currency=usd&days=none").status_code == 422


def test_candles_are_stamped_with_their_close(web: httpx.Client) -> None:
    for days, minutes in (("1", 30), ("14", 240), ("90", 5_760)):
        candles = web.get(f"/coins/bitcoin/ohlc?vs_currency=usd&days={days}").json()
        stamps = [candle[0] for candle in candles]
        assert all(stamp % (minutes * 60_000) == 0 for stamp in stamps)
        assert NOON - minutes * 60 - 45 <= stamps[-1] / 1000 <= NOON
        assert all(low <= min(first, last) <= max(first, last) <= high for _, first, high, low, last in candles)
        assert all(before[4] == after[1] for before, after in pairwise(candles))
    assert web.get("/coins/bitcoin/ohlc?vs_currency=usd&days=2").status_code == 422


def test_free_plans_see_one_year(plain: httpx.Client, web: httpx.Client) -> None:
    for query in ("?vs_currency=usd&days=400", "?vs_currency=usd&days=max", "/range?vs_currency=usd&from=1&to=2"):
        refused = plain.get(f"/coins/bitcoin/market_chart{query}", headers=DEMO)
        assert refused.status_code == 401
        assert refused.json()["error"]["status"]["error_code"] == 10_012
    assert plain.get("/coins/bitcoin/market_chart?vs_currency=usd&days=365", headers=DEMO).status_code == 200
    assert len(points(web, "?vs_currency=usd&days=max")) > 4_000
    assert plain.get("/coins/bitcoin/ohlc?vs_currency=usd&days=7&interval=daily", headers=DEMO).status_code == 401


# Keys and limits -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prefix", "headers", "code"),
    [
        ("coingecko_pro", {}, 10_002),
        ("coingecko_pro", {"x-cg-demo-api-key": "SIM-1"}, 10_011),
        ("coingecko", {"x-cg-pro-api-key": "SIM-DEMO-1"}, 10_011),
        ("coingecko", {"x-cg-demo-api-key": "SIM-PRO-1"}, 10_010),
        ("coingecko", {"x-cg-demo-api-key": "invalid"}, 10_010),
        ("coingecko", {"x-cg-pro-api-key": "invalid"}, 10_011),
    ],
)
def test_a_key_must_fit_its_host(simulator: SimulatorServer, prefix: str, headers: dict[str, str], code: int) -> None:
    answer = httpx.get(f"{simulator.url}/{prefix}/api/v3/ping", headers=headers, trust_env=False)
    body = answer.json()
    status = body.get("status") or body["error"]["status"]
    assert (answer.status_code, status["error_code"]) == (401, code)


def test_usable_keys_in_header_or_query(plain: httpx.Client) -> None:
    uuid = "b54bcf4d-1bca-4e8e-9a24-22ff2c3d462c"
    for key in ("SIM-1", uuid, "CG-abc123"):
        assert plain.get("/ping", headers={"x-cg-demo-api-key": key}).status_code == 200
        assert plain.get(f"/ping?x_cg_demo_api_key={key}").status_code == 200


def test_key_usage_is_for_paid_keys_and_counts(plain: httpx.Client, web: httpx.Client) -> None:
    assert plain.get("/key").json()["status"]["error_code"] == 10_002
    assert plain.get("/key", headers=DEMO).json()["status"]["error_code"] == 10_005
    for _ in range(3):
        web.get("/ping")
    usage = web.get("/key").json()
    assert usage["current_total_monthly_calls"] == 4
    assert usage["current_remaining_monthly_calls"] == usage["monthly_call_credit"] - 4


def test_the_minute_is_limited_per_plan_without_retry_after(simulator: SimulatorServer, plain: httpx.Client) -> None:
    assert [plain.get("/ping").status_code for _ in range(31)] == [200] * 30 + [429]
    refused = plain.get("/ping")
    assert "retry-after" not in refused.headers
    assert set(refused.json()["status"]) == {"timestamp", "error_code", "error_message"}
    assert plain.get("/ping", headers=DEMO).status_code == 200
    simulator.world.clock.set(now=NOON + 60.0)
    assert plain.get("/ping").status_code == 200


def test_a_month_can_be_spent(simulator: SimulatorServer, plain: httpx.Client) -> None:
    limits = simulator.world.limits
    limits.set_quota(provider="coingecko", plan="demo", window="month", quota=2)
    try:
        assert [plain.get("/ping", headers=DEMO).status_code for _ in range(3)] == [200, 200, 429]
        simulator.world.clock.set(now=NOON + 86_400.0)
        refused = plain.get("/ping", headers=DEMO)
        assert refused.status_code == 429
        assert "monthly" in refused.json()["status"]["error_message"]
        simulator.world.clock.set(now=NOON + 31 * 86_400.0)
        assert plain.get("/ping", headers=DEMO).status_code == 200
    finally:
        limits.set_quota(provider="coingecko", plan="demo", window="month", quota=10_000)


def test_an_unknown_path_is_an_error_in_json(web: httpx.Client) -> None:
    answer = web.get("/coinz/list")
    assert (answer.status_code, answer.json()) == (404, {"error": "Not Found"})
