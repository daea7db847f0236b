"""CoinMarketCap as simulated: envelope, shapes, paging, credits, keys, limits and errors, as its documents say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from cryptoflow.simulator.server import SimulatorServer

NOON = 1_767_268_800.0  # 2026-01-01T12:00:00Z
KEY = {"X-CMC_PRO_API_KEY": "SIM-1"}
LISTINGS = "/v1/cryptocurrency/listings/latest"
QUOTE_KEYS = (
    *("price", "volume_24h", "volume_change_24h", "percent_change_1h", "percent_change_24h", "percent_change_7d"),
    *("percent_change_30d", "percent_change_60d", "percent_change_90d", "market_cap", "market_cap_dominance"),
    *("fully_diluted_market_cap", "tvl", "last_updated"),
)


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatorServer]:
    with SimulatorServer(asset_count=600) as running:
        yield running


@pytest.fixture
def simulator(server: SimulatorServer) -> Iterator[SimulatorServer]:
    server.world.clock.set(now=NOON, freeze=True)
    server.world.limits.reset_usage()
    yield server
    for window, quota in (("minute", 30), ("day", None), ("month", 10_000)):
        server.world.limits.set_quota(provider="coinmarketcap", plan="basic", window=window, quota=quota)


@pytest.fixture
def web(simulator: SimulatorServer) -> Iterator[httpx.Client]:
    base = f"{simulator.url}/coinmarketcap"
    with httpx.Client(base_url=base, headers=KEY, trust_env=False, timeout=20.0) as client:
        yield client


def get(web: httpx.Client, path: str, **params: Any) -> dict[str, Any]:
    answer = web.get(path, params=params)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert list(body) == ["status", "data"]
    assert body["status"]["error_code"] == 0
    return body


def error(answer: httpx.Response) -> tuple[int, int]:
    body = answer.json()
    assert list(body) == ["status"]
    assert list(body["status"]) == ["timestamp", "error_code", "error_message", "elapsed", "credit_count"]
    return answer.status_code, body["status"]["error_code"]


def credits_used(web: httpx.Client) -> int:
    used: int = get(web, "/v1/key/info")["data"]["usage"]["current_month"]["credits_used"]
    return used


# Shapes ----------------------------------------------------------------------------------------------------------


def test_a_listing_has_the_documented_fields(web: httpx.Client) -> None:
    body = get(web, LISTINGS, limit=3)
    expected = ["timestamp", "error_code", "error_message", "elapsed", "credit_count", "notice", "total_count"]
    assert list(body["status"]) == expected
    row = body["data"][0]
    assert (row["id"], row["symbol"], row["slug"], row["cmc_rank"]) == (1, "BTC", "bitcoin", 1)
    assert tuple(row["quote"]["USD"]) == QUOTE_KEYS
    assert (row["platform"], row["max_supply"]) == (None, 21_000_000)
    assert isinstance(row["max_supply"], int)
    assert row["date_added"] == "2013-04-28T00:00:00.000Z"
    assert row["last_updated"] == "2026-01-01T12:00:00.000Z"


def test_nulls_and_platforms_occur(web: httpx.Client) -> None:
    rows = get(web, LISTINGS, limit=5_000)["data"]
    assert any(row["max_supply"] is None for row in rows)
    assert all(row["self_reported_market_cap"] is None for row in rows)
    chainlink = next(row for row in rows if row["id"] == 1_975)
    assert chainlink["platform"] == {
        "id": 1027,
        "name": "Ethereum",
        "symbol": "ETH",
        "slug": "ethereum",
        "token_address": "0x514910771af9ca656af840dff83e8264ecf986ca",
    }
    assert any(row["quote"]["USD"]["percent_change_90d"] is None for row in rows)


def test_pages_meet_without_overlap_and_end(web: httpx.Client) -> None:
    everything = [row["id"] for row in get(web, LISTINGS, limit=5_000)["data"]]
    pages = [row["id"] for start in (1, 201, 401) for row in get(web, LISTINGS, start=start, limit=200)["data"]]
    assert pages == everything
    body = get(web, LISTINGS, start=5_000)
    assert body["data"] == []
    assert body["status"]["total_count"] == len(everything)


def test_sorting_filtering_and_optional_fields(web: httpx.Client) -> None:
    rows = get(web, LISTINGS, sort="price", sort_dir="asc", limit=50)["data"]
    found = [row["quote"]["USD"]["price"] for row in rows]
    assert found == sorted(found)
    assert all(row["platform"] for row in get(web, LISTINGS, cryptocurrency_type="tokens")["data"])
    assert all(row["quote"]["USD"]["price"] >= 1_000 for row in get(web, LISTINGS, price_min=1000)["data"])
    slim = get(web, LISTINGS, limit=1, aux="cmc_rank")["data"][0]
    assert "cmc_rank" in slim
    assert not {"tags", "platform", "max_supply"} & set(slim)


def test_quotes_come_by_id_by_symbol_and_as_arrays(web: httpx.Client) -> None:
    by_id = get(web, "/v2/cryptocurrency/quotes/latest", id="1,1027")["data"]
    assert (list(by_id), by_id["1027"]["symbol"]) == (["1", "1027"], "ETH")
    by_symbol = get(web, "/v2/cryptocurrency/quotes/latest", symbol="NOVA")["data"]
    assert {row["slug"] for row in by_symbol["NOVA"]} >= {"nova-meridian", "nova-lend"}
    third = get(web, "/v3/cryptocurrency/quotes/latest", id="1", convert="USD,EUR")["data"]
    assert [quote["symbol"] for quote in third[0]["quote"]] == ["USD", "EUR"]
    assert third[0]["quote"][0]["id"] == 2_781


def test_a_conversion_replaces_the_dollar(web: httpx.Client) -> None:
    quote = get(web, LISTINGS, limit=1, convert="EUR")["data"][0]["quote"]
    assert list(quote) == ["EUR"]
    dollars = get(web, LISTINGS, limit=1)["data"][0]["quote"]["USD"]["price"]
    assert quote["EUR"]["price"] == pytest.approx(dollars * 0.92)
    assert list(get(web, LISTINGS, limit=1, convert_id="2781")["data"][0]["quote"]) == ["USD"]


def test_the_map_knows_the_inactive_too(web: httpx.Client) -> None:
    active = get(web, "/v1/cryptocurrency/map")["data"]
    assert [row["id"] for row in active] == sorted(row["id"] for row in active)
    assert {row["is_active"] for row in active} == {1}
    inactive = get(web, "/v1/cryptocurrency/map", listing_status="inactive")["data"]
    assert {row["is_active"] for row in inactive} == {0}
    assert "corvane" in {row["slug"] for row in inactive}
    assert [row["rank"] for row in get(web, "/v1/cryptocurrency/map", sort="cmc_rank", limit=3)["data"]] == [1, 2, 3]
    assert {row["symbol"] for row in get(web, "/v1/cryptocurrency/map", symbol="NOVA")["data"]} == {"NOVA"}


def test_info_and_global_metrics(web: httpx.Client) -> None:
    info = get(web, "/v2/cryptocurrency/info", id="1,1975")["data"]
    assert (info["1"]["category"], info["1975"]["category"]) == ("coin", "token")
    assert info["1975"]["contract_address"][0]["platform"]["coin"]["id"] == "1027"
    assert info["1"]["urls"]["source_code"] == ["https://github.com/bitcoin/bitcoin"]
    metrics = get(web, "/v1/global-metrics/quotes/latest")["data"]
    rows = get(web, LISTINGS, limit=5_000)["data"]
    total = sum(row["quote"]["USD"]["market_cap"] for row in rows)
    assert metrics["quote"]["USD"]["total_market_cap"] == pytest.approx(total, rel=1e-3)
    assert metrics["active_cryptocurrencies"] == len(rows)


def test_prices_differ_from_coingecko_by_a_few_basis_points_and_the_universe_by_a_few_coins(
    simulator: SimulatorServer, web: httpx.Client
) -> None:
    gecko = {
        row["symbol"].upper() + row["name"]: row["current_price"]
        for page in (1, 2, 3)
        for row in httpx.get(
            f"{simulator.url}/coingecko/api/v3/coins/markets?vs_currency=usd&per_page=250&page={page}&precision=full",
            headers={"x-cg-pro-api-key": "SIM-1"},
            trust_env=False,
        ).json()
    }
    cap = {row["symbol"] + row["name"]: row["quote"]["USD"]["price"] for row in get(web, LISTINGS, limit=5_000)["data"]}
    shared = gecko.keys() & cap.keys()
    assert 0.9 * len(gecko) < len(shared) < len(gecko)
    # The two are up to a minute apart, in which the calmest of the coins hardly moves.
    ratios = sorted(abs(cap[name] / gecko[name] - 1) for name in shared)
    assert 0 < ratios[len(ratios) // 2] < 0.002


def test_figures_stay_for_a_minute(simulator: SimulatorServer, web: httpx.Client) -> None:
    data = [get(web, LISTINGS, limit=5)["data"]]
    for seconds in (59.0, 60.0):
        simulator.world.clock.set(now=NOON + seconds)
        data.append(get(web, LISTINGS, limit=5)["data"])
    assert data[0] == data[1] != data[2]


# Credits and limits ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "credits"),
    [
        (f"{LISTINGS}?limit=200", 1),
        (f"{LISTINGS}?limit=201", 2),
        (f"{LISTINGS}?limit=500", 3),
        (f"{LISTINGS}?limit=10&convert=USD,EUR", 2),
        ("/v2/cryptocurrency/quotes/latest?id=1", 1),
        ("/v1/cryptocurrency/map", 0),
        ("/v1/key/info", 0),
    ],
)
def test_credits_follow_the_data_points(web: httpx.Client, path: str, credits: int) -> None:
    before = credits_used(web)
    assert web.get(path).json()["status"]["credit_count"] == credits
    assert credits_used(web) - before == credits


def test_an_error_costs_nothing(web: httpx.Client) -> None:
    assert error(web.get(f"{LISTINGS}?limit=5001")) == (400, 400)
    assert error(web.get("/v2/cryptocurrency/quotes/latest?id=999999999")) == (400, 400)
    assert credits_used(web) == 0


def test_key_info_agrees_with_what_was_used(simulator: SimulatorServer, web: httpx.Client) -> None:
    get(web, LISTINGS, limit=450)
    data = get(web, "/v1/key/info")["data"]
    assert data["plan"] == {
        "credit_limit_monthly": 10_000,
        "credit_limit_monthly_reset": "In 30 days, 12 hours and 0 minutes",
        "credit_limit_monthly_reset_timestamp": "2026-02-01T00:00:00.000Z",
        "rate_limit_minute": 30,
    }
    assert data["usage"] == {
        "current_minute": {"requests_made": 2, "requests_left": 28},
        "current_day": {"credits_used": 3},
        "current_month": {"credits_used": 3, "credits_left": 9_997},
    }
    simulator.world.limits.set_quota(provider="coinmarketcap", plan="basic", window="day", quota=100)
    data = get(web, "/v1/key/info")["data"]
    assert data["plan"]["credit_limit_daily"] == 100
    assert data["usage"]["current_day"] == {"credits_used": 3, "credits_left": 97}


def test_the_minute_the_day_and_the_month_have_their_own_codes(simulator: SimulatorServer, web: httpx.Client) -> None:
    limits = simulator.world.limits
    answers = [web.get(f"{LISTINGS}?limit=1") for _ in range(31)]
    assert error(answers[30]) == (429, 1_008)
    assert "retry-after" not in answers[30].headers
    simulator.world.clock.set(now=NOON + 60.0)
    limits.set_quota(provider="coinmarketcap", plan="basic", window="day", quota=30)
    assert error(web.get(f"{LISTINGS}?limit=1")) == (429, 1_009)
    simulator.world.clock.set(now=NOON + 86_400.0)
    limits.set_quota(provider="coinmarketcap", plan="basic", window="month", quota=31)
    assert web.get(f"{LISTINGS}?limit=1").status_code == 200
    assert error(web.get(f"{LISTINGS}?limit=1")) == (429, 1_010)
    assert web.get("/v1/key/info").status_code == 200
    simulator.world.clock.set(now=NOON + 31 * 86_400.0)
    assert web.get(f"{LISTINGS}?limit=1").status_code == 200


def test_a_quiet_key_is_refused_inside_http_200(simulator: SimulatorServer, web: httpx.Client) -> None:
    simulator.world.limits.set_quota(provider="coinmarketcap", plan="basic", window="minute", quota=1)
    quiet = {"X-CMC_PRO_API_KEY": "SIM-QUIET-1"}
    assert web.get(LISTINGS, headers=quiet).status_code == 200
    assert error(web.get(LISTINGS, headers=quiet)) == (200, 1_008)


@pytest.mark.parametrize(
    ("key", "status", "code"),
    [
        (None, 401, 1_002),
        ("invalid", 401, 1_001),
        ("SIM-UNPAID-1", 402, 1_003),
        ("SIM-EXPIRED", 402, 1_004),
        ("SIM-DISABLED-x", 403, 1_007),
    ],
)
def test_a_bad_key_has_its_code(simulator: SimulatorServer, key: str | None, status: int, code: int) -> None:
    headers = {} if key is None else {"X-CMC_PRO_API_KEY": key}
    answer = httpx.get(f"{simulator.url}/coinmarketcap{LISTINGS}", headers=headers, trust_env=False)
    assert error(answer) == (status, code)


def test_usable_keys(simulator: SimulatorServer) -> None:
    for key in ("SIM-1", "SIM-STARTUP-1", "b54bcf4d-1bca-4e8e-9a24-22ff2c3d462c"):
        url = f"{simulator.url}/coinmarketcap/v1/key/info"
        plan = httpx.get(url, headers={"X-CMC_PRO_API_KEY": key}, trust_env=False).json()["data"]["plan"]
        assert plan["credit_limit_monthly"] == (300_000 if "STARTUP" in key else 10_000)
        assert httpx.get(url, params={"CMC_PRO_API_KEY": key}, trust_env=False).status_code == 200


def test_an_endpoint_outside_the_plan(web: httpx.Client) -> None:
    assert error(web.get("/v2/cryptocurrency/ohlcv/historical?id=1")) == (403, 1_006)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "start=0", "sort=beauty", "convert=ZZZ", "convert=USD&convert_id=1", "price_min=x"]
)
def test_bad_parameters(web: httpx.Client, query: str) -> None:
    assert error(web.get(f"{LISTINGS}?{query}")) == (400, 400)


def test_quotes_need_exactly_one_way_to_name_coins(web: httpx.Client) -> None:
    path = "/v2/cryptocurrency/quotes/latest"
    assert error(web.get(path)) == (400, 400)
    assert error(web.get(f"{path}?id=1&slug=bitcoin")) == (400, 400)
    assert list(get(web, path, id="1,999999999")["data"]) == ["1"]
    assert error(web.get(f"{path}?id=1,999999999&skip_invalid=false")) == (400, 400)
