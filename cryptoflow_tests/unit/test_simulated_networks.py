"""The simulated proof-of-stake networks and the protocols on them: Ethereum's validators, Solana's cluster, DeFi."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from cryptoflow.simulator.market.model import Market
from cryptoflow.simulator.onchain.beaconchain import epoch_row, ethstore_row, staked_coins, validator_count
from cryptoflow.simulator.onchain.defi import FIRST_DAY, DeFi, defi_of
from cryptoflow.simulator.onchain.defi_names import CHAINS
from cryptoflow.simulator.onchain.defillama import chain_value, chain_values, protocol_rows
from cryptoflow.simulator.onchain.solana import answer_call
from cryptoflow.simulator.onchain.solana_cluster import SolanaCluster

NOW = datetime(2026, 5, 20, 15, 30, tzinfo=UTC).timestamp()
TODAY = int(NOW // 86_400)


@pytest.fixture(scope="module")
def market() -> Market:
    return Market(asset_count=120)


@pytest.fixture(scope="module")
def defi(market: Market) -> DeFi:
    return defi_of(market)


@pytest.fixture(scope="module")
def rows(market: Market) -> list[dict[str, Any]]:
    return protocol_rows(market, NOW)


@pytest.fixture(scope="module")
def cluster(market: Market) -> SolanaCluster:
    return SolanaCluster(market)


# Protocols --------------------------------------------------------------------------------------------------------


def test_there_are_several_hundred_protocols_the_largest_first(rows: list[dict[str, Any]]) -> None:
    assert 300 < len(rows) <= 420
    values = [row["tvl"] for row in rows if row["tvl"] is not None]
    assert values == sorted(values, reverse=True)
    assert len({row["id"] for row in rows}) == len({row["slug"] for row in rows}) == len(rows)
    assert {"CEX", "Liquid Staking", "Dexes", "Lending"} <= {row["category"] for row in rows}


def test_a_protocol_is_the_sum_of_its_chains_without_the_pseudo_chains(rows: list[dict[str, Any]]) -> None:
    pseudo = 0
    for row in rows:
        parts = row["chainTvls"]
        pseudo += any(name not in CHAINS for name in parts)
        if row["tvl"] is not None:
            assert sum(value for name, value in parts.items() if name in CHAINS) == pytest.approx(row["tvl"])
        assert set(row["chains"]) == set(parts) & set(CHAINS)
    assert 0.25 * len(rows) < pseudo < 0.75 * len(rows)


@pytest.mark.parametrize(
    ("field", "low", "high"),
    [
        ("address", 0.04, 0.13),
        ("change_1h", 0.05, 0.14),
        ("change_1d", 0.06, 0.17),
        ("change_7d", 0.09, 0.22),
        ("cmcId", 0.3, 0.98),
        ("gecko_id", 0.25, 0.95),
    ],
)
def test_nulls_are_as_frequent_as_recorded(rows: list[dict[str, Any]], field: str, low: float, high: float) -> None:
    share = sum(row[field] is None for row in rows) / len(rows)
    assert low < share < high


def test_chains_add_up_to_the_whole(defi: DeFi) -> None:
    whole = chain_value(defi, None, NOW, twice_counted=False)
    parts = sum(chain_value(defi, chain, NOW, twice_counted=False) for chain in CHAINS)
    assert parts == pytest.approx(whole)
    assert whole < chain_value(defi, None, NOW, twice_counted=True)


def test_exchanges_are_no_decentralised_finance(defi: DeFi) -> None:
    values = defi.locked_usd(NOW)
    everything = float(values.sum())
    exchanges = sum(float(values[p.number]) for p in defi.protocols if p.category == "CEX")
    assert exchanges > 0
    assert chain_value(defi, None, NOW, twice_counted=True) == pytest.approx(everything - exchanges)


def test_history_ends_where_today_begins(defi: DeFi) -> None:
    history = dict(defi.chain_history("Ethereum", last_day=TODAY - 1, twice_counted=False))
    assert max(history) == TODAY - 1
    assert history[TODAY - 1] == pytest.approx(chain_value(defi, "Ethereum", TODAY * 86_400.0, twice_counted=False))
    assert min(history) >= FIRST_DAY


def test_one_protocol_alone_has_the_value_that_it_has_among_all(defi: DeFi) -> None:
    protocol = defi.by_slug["uniswap-v3"]
    history = dict(defi.protocol_history(protocol, last_day=TODAY))
    assert history[TODAY - 1] == pytest.approx(float(defi.locked_usd(TODAY * 86_400.0)[protocol.number]))
    assert sum(v for k, v in chain_values(protocol, 100.0).items() if k in CHAINS) == pytest.approx(100.0)


def test_the_smallest_market_has_protocols_too() -> None:
    assert len(protocol_rows(Market(asset_count=1), NOW)) > 300


# Ethereum ---------------------------------------------------------------------------------------------------------


def test_balances_are_text_in_wei_and_fit_the_validators() -> None:
    row = ethstore_row(1, 1_990)
    staked = int(row["effective_balances_sum_wei"])
    assert isinstance(row["effective_balances_sum_wei"], str)
    assert staked / 1e18 == pytest.approx(staked_coins(1, 1_606_824_023 + 1_990 * 86_400))
    assert 0.02 < row["apr"] < 0.05
    assert row["apr"] == pytest.approx(row["cl_apr"] + row["el_apr"])
    assert 32 * row["validators"] <= staked / 1e18 * 1.001


def test_the_newest_epoch_is_not_final_yet() -> None:
    newest = int((NOW - 1_606_824_023) // 384)
    assert epoch_row(1, newest, NOW)["finalized"] is False
    assert epoch_row(1, newest, NOW)["votedether"] == 0
    settled = epoch_row(1, newest - 5, NOW)
    assert settled["finalized"] is True
    assert settled["validatorscount"] == validator_count(1, 1_606_824_023 + (newest - 5) * 384)
    assert settled["proposedblocks"] + settled["missedblocks"] == 32


# Solana -----------------------------------------------------------------------------------------------------------


def test_slots_only_grow_by_about_two_and_a_half_a_second(cluster: SolanaCluster) -> None:
    slots = [cluster.slot(NOW + 10.0 * step) for step in range(5_000)]
    assert all(later > earlier for earlier, later in itertools.pairwise(slots))
    assert (slots[-1] - slots[0]) / 49_990 == pytest.approx(1 / 0.41, rel=0.1)
    assert cluster.block_height(NOW) < cluster.slot(NOW)


def test_samples_tile_the_minutes(cluster: SolanaCluster) -> None:
    samples = cluster.samples(NOW, 720)
    assert len(samples) == 720
    for newer, older in itertools.pairwise(samples):
        assert newer["slot"] - newer["numSlots"] == older["slot"]
    unknown = sum(sample["numNonVoteTransactions"] is None for sample in samples)
    assert 0 < unknown < 40
    assert all(
        s["numNonVoteTransactions"] is None or s["numNonVoteTransactions"] < s["numTransactions"] for s in samples
    )
    assert cluster.samples(NOW, 3) == samples[:3]


def test_supply_adds_up_and_circulates_as_the_market_says(cluster: SolanaCluster, market: Market) -> None:
    supply = cluster.supply(NOW)
    assert supply.total == supply.circulating + supply.non_circulating
    solana = market.asset("solana", NOW)
    assert solana is not None
    in_market = float(market.circulating_supply(solana.index, np.array([NOW]))[0])
    assert supply.circulating / 1e9 == pytest.approx(in_market)


def test_a_few_small_validators_are_delinquent(cluster: SolanaCluster) -> None:
    current, delinquent = cluster.vote_accounts(NOW)
    assert 300 < len(current) < 360
    assert 0 < len(delinquent) < 30
    staked = sum(row["activatedStake"] for row in (*current, *delinquent))
    assert 0.6 < staked / cluster.supply(NOW).total < 0.7
    assert len({row["votePubkey"] for row in (*current, *delinquent)}) == 360
    assert min(row["lastVote"] for row in current) > max(row["lastVote"] for row in delinquent)


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ({"jsonrpc": "2.0", "id": 7, "method": "getNothing"}, -32601),
        ({"jsonrpc": "2.0", "id": 7, "method": "getRecentPerformanceSamples", "params": [721]}, -32602),
        ({"jsonrpc": "2.0", "id": 7, "method": "getRecentPerformanceSamples", "params": ["many"]}, -32602),
        ({"jsonrpc": "2.0", "id": 7, "method": "getSlot", "params": [{"commitment": "wished"}]}, -32602),
        ({"jsonrpc": "2.0", "id": 7, "method": "getSlot", "params": {"commitment": "finalized"}}, -32602),
        ({"id": 7, "method": "getSlot"}, -32600),
        ("getSlot", -32600),
    ],
)
def test_calls_that_cannot_be_answered_are_error_objects(cluster: SolanaCluster, call: object, code: int) -> None:
    answer = answer_call(call, cluster, NOW)
    assert answer["error"]["code"] == code
    assert "result" not in answer


def test_commitment_decides_how_new_a_slot_is(cluster: SolanaCluster) -> None:
    def slot(commitment: str) -> int:
        call = {"jsonrpc": "2.0", "id": 1, "method": "getSlot", "params": [{"commitment": commitment}]}
        return int(answer_call(call, cluster, NOW)["result"])

    assert slot("processed") - slot("finalized") == 32
    assert slot("processed") > slot("confirmed") > slot("finalized")
