"""The simulated on-chain providers over HTTP: shapes, units, errors, and that they agree with each other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import httpx
import pytest

from cryptoflow.simulator.onchain.bitcoin_chain import bitcoin_chain
from cryptoflow.simulator.onchain.defi_names import CHAINS
from cryptoflow.simulator.server import SimulatorServer

NOW = 1_779_291_000.0  # 2026-05-20T15:30:00Z
DAY = 86_400


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatorServer]:
    with SimulatorServer(asset_count=80) as running:
        yield running


@pytest.fixture
def simulator(server: SimulatorServer) -> SimulatorServer:
    server.world.clock.set(now=NOW, freeze=True)
    server.world.limits.reset_usage()
    server.world.faults.clear()
    return server


@pytest.fixture
def web(simulator: SimulatorServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=simulator.url, trust_env=False, timeout=20.0) as client:
        yield client


def json_of(web: httpx.Client, path: str) -> Any:
    answer = web.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


# DeFiLlama --------------------------------------------------------------------------------------------------------


def test_protocols_are_one_large_list(web: httpx.Client) -> None:
    rows = json_of(web, "/defillama/protocols")
    assert 300 < len(rows) < 500
    assert {type(row["tvl"]) for row in rows} <= {float, int, type(None)}
    assert any(row["gecko_id"] == "aave" for row in rows)
    assert any("staking" in row["chainTvls"] for row in rows)


def test_the_last_day_of_a_chain_is_open_and_changes(simulator: SimulatorServer, web: httpx.Client) -> None:
    before = json_of(web, "/defillama/v2/historicalChainTvl/Ethereum")
    simulator.world.clock.set(now=NOW + 420)
    after = json_of(web, "/defillama/v2/historicalChainTvl/Ethereum")
    assert before[:-1] == after[:-1]
    assert before[-1]["date"] == after[-1]["date"] == int(NOW // DAY) * DAY
    assert before[-1]["tvl"] != after[-1]["tvl"]
    assert isinstance(before[0]["date"], int)


def test_the_legacy_history_has_dates_as_text_and_higher_levels(web: httpx.Client) -> None:
    legacy = json_of(web, "/defillama/charts")
    modern = json_of(web, "/defillama/v2/historicalChainTvl")
    assert legacy[0]["date"] == "1541203200"
    assert legacy[-1]["date"] == str(modern[-1]["date"])
    assert legacy[-1]["totalLiquidityUSD"] > modern[-1]["tvl"]


def test_chains_have_nulls_where_they_have_no_token(web: httpx.Client) -> None:
    rows = {row["name"]: row for row in json_of(web, "/defillama/v2/chains")}
    assert set(rows) == set(CHAINS)
    assert rows["Ethereum"]["cmcId"] == "1027"
    assert rows["Base"]["gecko_id"] is None
    history = json_of(web, "/defillama/v2/historicalChainTvl/OP Mainnet")
    assert history[-1]["tvl"] == pytest.approx(rows["OP Mainnet"]["tvl"], rel=1e-4)


@pytest.mark.parametrize("chain", ["ethereum", "Nowhere", "ETHEREUM"])
def test_chain_names_are_case_sensitive(web: httpx.Client, chain: str) -> None:
    for path in (f"/defillama/v2/historicalChainTvl/{chain}", f"/defillama/charts/{chain}"):
        answer = web.get(path)
        assert answer.status_code == 404
        assert "Chain not found" in answer.text


def test_a_protocol_has_its_history_by_chain(web: httpx.Client) -> None:
    body = json_of(web, "/defillama/protocol/lido")
    assert body["name"] == "Lido"
    whole = body["tvl"][-1]["totalLiquidityUSD"]
    assert sum(part["tvl"][-1]["totalLiquidityUSD"] for part in body["chainTvls"].values()) == pytest.approx(whole)
    assert json_of(web, "/defillama/tvl/lido") == pytest.approx(whole)
    assert web.get("/defillama/protocol/nothing").status_code == 400


def test_a_value_fault_reaches_the_protocols(simulator: SimulatorServer, web: httpx.Client) -> None:
    sound = json_of(web, "/defillama/v2/chains")[0]["tvl"]
    simulator.world.faults.add("unit_jump_value", provider="defillama")
    assert json_of(web, "/defillama/v2/chains")[0]["tvl"] == pytest.approx(1000 * sound)


def test_unknown_coins_are_missing(web: httpx.Client) -> None:
    tether = "ethereum:0xdAC17F958D2ee523a2206206994597C13D831ec7"
    coins = json_of(web, f"/llama_coins/prices/current/coingecko:bitcoin,{tether},coingecko:nothing,bsc:0x1")["coins"]
    assert set(coins) == {"coingecko:bitcoin", tether}
    assert coins[tether]["symbol"] == "USDT"
    assert coins[tether]["price"] == pytest.approx(1, abs=0.05)
    assert coins["coingecko:bitcoin"]["timestamp"] <= NOW


def test_past_prices_are_those_of_the_market(simulator: SimulatorServer, web: httpx.Client) -> None:
    coins = json_of(web, "/llama_coins/prices/historical/1700000000/coingecko:ethereum")["coins"]
    assert coins["coingecko:ethereum"]["price"] == pytest.approx(simulator.world.market.price_usd(1, 1_700_000_000.0))
    assert web.get("/llama_coins/prices/historical/soon/coingecko:ethereum").status_code == 400


# Bitcoin ----------------------------------------------------------------------------------------------------------


def test_all_sources_stand_at_the_same_block(web: httpx.Client) -> None:
    height = int(web.get("/mempool/api/blocks/tip/height").text)
    block_hash = web.get("/mempool/api/blocks/tip/hash").text
    newest = json_of(web, "/blockchain_info/latestblock")
    assert (newest["height"], newest["hash"]) == (height, block_hash)
    assert web.get("/blockchain_info/q/getblockcount").text == str(height)
    assert web.get("/blockchain_info/q/latesthash").text == block_hash
    assert json_of(web, "/blockchain_info/stats")["n_blocks_total"] == height
    assert web.get(f"/mempool/api/block-height/{height}").text == block_hash
    assert web.get(f"/mempool/api/block-height/{height + 9}").status_code == 404


def test_hash_rates_have_the_unit_of_their_source(web: httpx.Client) -> None:
    hertz = json_of(web, "/mempool/api/v1/mining/hashrate/1w")
    tera = json_of(web, "/blockchain_info/charts/hash-rate?timespan=7days")
    giga = json_of(web, "/blockchain_info/stats")["hash_rate"]
    assert giga * 1e9 == pytest.approx(hertz["currentHashrate"], rel=1e-6)
    assert tera["values"][-1]["x"] == hertz["hashrates"][-1]["timestamp"]
    assert tera["values"][-1]["y"] * 1e12 == pytest.approx(hertz["hashrates"][-1]["avgHashrate"], rel=1e-9)
    assert 5e20 < hertz["currentHashrate"] < 1.3e21
    assert float(web.get("/blockchain_info/q/getdifficulty").text) == pytest.approx(hertz["currentDifficulty"])


def test_blocks_are_chained_newest_first(web: httpx.Client) -> None:
    blocks = json_of(web, "/mempool/api/v1/blocks")
    assert len(blocks) == 15
    for newer, older in pairwise(blocks):
        assert newer["height"] == older["height"] + 1
        assert newer["previousblockhash"] == older["id"]
    earlier = json_of(web, f"/mempool/api/v1/blocks/{blocks[-1]['height'] - 1}")
    assert earlier[0]["id"] == blocks[-1]["previousblockhash"]


def test_an_abandoned_block_disappears_from_every_source(simulator: SimulatorServer, web: httpx.Client) -> None:
    chain = bitcoin_chain(simulator.world.seed)
    start = NOW
    while not chain.tip(start).stale:
        start += 20.0
    simulator.world.clock.set(now=start)
    seen = int(web.get("/mempool/api/blocks/tip/height").text)
    block_hash = web.get(f"/mempool/api/block-height/{seen}").text
    assert json_of(web, "/mempool/api/v1/blocks")[0]["id"] == block_hash
    end = start
    while chain.tip(end).stale:
        end += 20.0
    simulator.world.clock.set(now=end)
    assert int(web.get("/mempool/api/blocks/tip/height").text) < seen
    simulator.world.clock.set(now=float(chain.block_times[seen]) + 1)
    assert web.get(f"/mempool/api/block-height/{seen}").text != block_hash


def test_a_long_chart_is_sampled_unless_told_otherwise(web: httpx.Client) -> None:
    sampled = json_of(web, "/blockchain_info/charts/n-transactions?timespan=all")
    daily = json_of(web, "/blockchain_info/charts/n-transactions?timespan=all&sampled=false")
    assert 1_200 < len(sampled["values"]) <= 1_600 < len(daily["values"])
    assert {"status", "name", "unit", "period", "description", "values"} == set(sampled)
    assert daily["values"][-1]["x"] == (int(NOW // DAY) - 1) * DAY
    bare = json_of(web, "/blockchain_info/charts/n-transactions?timespan=30days&metadata=false")
    assert set(bare) == {"status", "values"}
    assert len(bare["values"]) == 30


def test_large_chart_values_stand_in_scientific_notation(web: httpx.Client) -> None:
    answer = web.get("/blockchain_info/charts/estimated-transaction-volume-usd?timespan=5days")
    assert answer.text.count("E10}") + answer.text.count("E9}") == 5
    assert all(1e9 < point["y"] < 1e11 for point in answer.json()["values"])


def test_a_chart_as_csv_has_no_header(web: httpx.Client) -> None:
    answer = web.get("/blockchain_info/charts/n-transactions?start=2026-01-01&timespan=2weeks&format=csv")
    assert answer.headers["content-type"].startswith("text/csv")
    lines = answer.text.splitlines()
    assert len(lines) == 14
    assert lines[0].startswith("2026-01-01 00:00:00,")
    assert float(lines[0].split(",")[1]) > 100_000


def test_what_there_is_no_chart_of(web: httpx.Client) -> None:
    answer = web.get("/blockchain_info/charts/happiness")
    assert answer.status_code == 404
    assert answer.json()["status"] == "not-found"
    assert web.get("/blockchain_info/charts/hash-rate?timespan=soon").status_code == 400
    assert web.get("/blockchain_info/charts/hash-rate?start=soon").status_code == 400
    assert web.get("/blockchain_info/q/happiness").status_code == 404


def test_queries_are_plain_text(web: httpx.Client) -> None:
    answer = web.get("/blockchain_info/q/totalbc")
    assert answer.headers["content-type"].startswith("text/plain")
    assert 20.0e14 < int(answer.text) < 20.5e14
    assert web.get("/blockchain_info/q/bcperblock").text == "3.125"


def test_fees_are_ordered_and_the_queue_is_not_empty(web: httpx.Client) -> None:
    fees = json_of(web, "/mempool/api/v1/fees/recommended")
    assert fees["fastestFee"] >= fees["halfHourFee"] >= fees["hourFee"] >= fees["economyFee"] >= fees["minimumFee"] >= 1
    queue = json_of(web, "/mempool/api/mempool")
    assert queue["count"] == int(web.get("/blockchain_info/q/unconfirmedcount").text)
    assert sum(size for _, size in queue["fee_histogram"]) == pytest.approx(queue["vsize"], rel=0.01)


def test_the_adjustment_gives_milliseconds(web: httpx.Client) -> None:
    body = json_of(web, "/mempool/api/v1/difficulty-adjustment")
    assert 400_000 < body["timeAvg"] < 900_000
    assert body["estimatedRetargetDate"] > NOW * 1000
    assert body["nextRetargetHeight"] % 2016 == 0


# Ethereum and Solana ----------------------------------------------------------------------------------------------


def test_the_data_of_the_yield_is_a_list_or_an_object(simulator: SimulatorServer, web: httpx.Client) -> None:
    forms = set()
    for day in range(1_900, 1_930):
        simulator.world.limits.reset_usage()
        body = json_of(web, f"/beaconchain/api/v1/ethstore/{day}")
        forms.add(type(body["data"]))
        row = body["data"][0] if isinstance(body["data"], list) else body["data"]
        assert body["status"] == "OK"
        assert row["day"] == day
        assert 0.02 < row["apr"] < 0.05
    assert forms == {list, dict}


def test_the_newest_epoch_and_the_headers_of_the_limit(simulator: SimulatorServer, web: httpx.Client) -> None:
    answer = web.get("/beaconchain/api/v1/epoch/latest")
    data = answer.json()["data"]
    row = data[0] if isinstance(data, list) else data
    assert row["epoch"] == (int(NOW) - 1_606_824_023) // 384
    assert row["validatorscount"] > 500_000
    assert answer.headers["ratelimit-limit"] == "1"
    assert answer.headers["x-ratelimit-remaining-month"] == "999"
    simulator.world.limits.reset_usage()
    assert web.get("/beaconchain/api/v1/epoch/999999999").status_code == 400


def rpc(web: httpx.Client, method: str, *params: Any) -> Any:
    answer = web.post("/solana", json={"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)})
    assert answer.status_code == 200
    return answer.json()


def test_solana_answers_its_methods(web: httpx.Client) -> None:
    votes = rpc(web, "getVoteAccounts")["result"]
    supply = rpc(web, "getSupply", {"excludeNonCirculatingAccountsList": True})["result"]["value"]
    assert supply["nonCirculatingAccounts"] == []
    assert len(rpc(web, "getSupply")["result"]["value"]["nonCirculatingAccounts"]) > 100
    staked = sum(row["activatedStake"] for row in votes["current"])
    assert 0.5 < staked / supply["total"] < 0.8
    info = rpc(web, "getEpochInfo")["result"]
    assert info["absoluteSlot"] == rpc(web, "getSlot")["result"]
    assert info["epoch"] == rpc(web, "getInflationRate")["result"]["epoch"]
    assert rpc(web, "getBlockHeight")["result"] < info["absoluteSlot"]
    assert rpc(web, "getHealth")["result"] == "ok"
    assert len(rpc(web, "getRecentPerformanceSamples", 5)["result"]) == 5


def test_solana_errors_come_with_status_200(web: httpx.Client) -> None:
    assert rpc(web, "getNothing")["error"]["code"] == -32601
    assert rpc(web, "getRecentPerformanceSamples", 1000)["error"]["code"] == -32602
    answer = web.post("/solana", content=b"{broken", headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (200, -32700)
    assert web.get("/solana").status_code == 405


def test_solana_answers_batches_in_order(web: httpx.Client) -> None:
    calls = [
        {"jsonrpc": "2.0", "id": at, "method": method} for at, method in enumerate(("getSlot", "nope", "getHealth"))
    ]
    answers = web.post("/solana", json=calls).json()
    assert [answer["id"] for answer in answers] == [0, 1, 2]
    assert ["error" in answer for answer in answers] == [False, True, False]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/beaconchain/api/v1/epoch/" + "9" * 5_000, 400),
        ("/blockchain_info/charts/market-cap?timespan=" + "9" * 5_000 + "days", 400),
        ("/blockchain_info/charts/market-cap?start=0001-01-01", 200),
        ("/blockchain_info/charts/mempool-size?start=9999-12-31", 200),
        ("/llama_coins/prices/historical/nan/coingecko:bitcoin", 400),
    ],
)
def test_absurd_parameters_are_answered(web: httpx.Client, path: str, status: int) -> None:
    assert web.get(path).status_code == status
