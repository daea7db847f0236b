"""The fault board: what is in force, for whom, for how long, and who is hit."""

from __future__ import annotations

import math

import pytest

from cryptoflow.errors import UsageError
from cryptoflow.simulator.faults import FAULTS, FaultBoard, describe_faults


class HandClock:
    """A monotonic clock that a test moves by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_a_fault_ends_by_itself() -> None:
    hand = HandClock()
    board = FaultBoard(monotonic=hand)
    fault = board.add("latency", for_seconds=300.0)
    hand.seconds += 299.0
    assert board.active() == [fault]
    assert board.seconds_left(fault) == 1.0
    hand.seconds += 1.0
    assert board.active() == []
    assert not board.is_active(fault)
    assert board.strike("latency", "coingecko") is None


def test_a_fault_without_a_time_stays_until_cleared() -> None:
    hand = HandClock()
    board = FaultBoard(monotonic=hand)
    fault = board.add("hang")
    hand.seconds += 1e6
    assert board.seconds_left(fault) is None
    assert board.clear() == 1
    assert board.active() == []


def test_a_fault_hits_its_provider_only() -> None:
    board = FaultBoard()
    board.add("http_5xx", provider="coingecko")
    assert board.strike("http_5xx", "coinmarketcap") is None
    assert board.strike("http_5xx", "coingecko") is not None


def test_a_fault_without_a_provider_hits_all() -> None:
    board = FaultBoard()
    board.add("zero_price")
    assert [len(board.strikes("body", name)) for name in ("coingecko", "coinmarketcap")] == [1, 1]
    assert board.strikes("bytes", "coingecko") == []


def test_clearing_by_name_and_provider_leaves_the_others() -> None:
    board = FaultBoard()
    board.add("latency", provider="coingecko")
    board.add("latency")
    kept = board.add("hang", provider="coinmarketcap")
    assert board.clear(provider="coingecko") == 1
    assert board.clear(name="latency") == 1
    assert board.active() == [kept]


def test_the_rate_is_the_share_that_is_hit_and_repeats_with_the_seed() -> None:
    def hits(seed: int) -> list[bool]:
        board = FaultBoard(seed=seed)
        board.add("latency", rate=0.2)
        return [board.strike("latency", "coingecko") is not None for _ in range(2_000)]

    assert hits(1) == hits(1)
    assert hits(1) != hits(2)
    assert 340 < sum(hits(1)) < 460


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"no fault named 'html_for_jason'.*Did you mean 'html_for_json'\?"):
        FaultBoard().add("html_for_jason")
    with pytest.raises(UsageError, match=r"no provider named 'coingeko'.*Did you mean 'coingecko'\?"):
        FaultBoard().add("latency", provider="coingeko")
    with pytest.raises(UsageError, match="no fault named"):
        FaultBoard().clear(name="nonsense")


@pytest.mark.parametrize(
    ("rate", "for_seconds", "amount"),
    [(0.0, None, None), (1.5, None, None), (math.nan, None, None), (1.0, 0.0, None), (1.0, None, math.inf)],
)
def test_impossible_numbers_are_refused(rate: float, for_seconds: float | None, amount: float | None) -> None:
    board = FaultBoard()
    with pytest.raises(UsageError, match="A fault cannot"):
        board.add("latency", rate=rate, for_seconds=for_seconds, amount=amount)
    assert board.active() == []


def test_every_fault_has_one_line_that_ends_like_a_sentence() -> None:
    lines = dict(describe_faults())
    assert len(lines) == len(FAULTS) == 26
    for text in lines.values():
        assert "\n" not in text
        assert text.endswith((".", "default 2.", "default 0.", "default 300.", "default 1000."))
