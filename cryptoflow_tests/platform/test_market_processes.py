"""The simulated market is the same in every process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

DIGEST = """
import hashlib, sys
from cryptoflow.simulator.binance.rows import kline_rows
from cryptoflow.simulator.market.candles import CandleBook
from cryptoflow.simulator.market.model import Market, Snapshot
from cryptoflow.simulator.market.trades import DAY_US, Tape
days = [20700, 19440, 20165, 20777]
days = days[::-1] if sys.argv[1] == "backwards" else days
market = Market(seed=7, asset_count=80)
book = CandleBook(Tape(market))
found = {}
for day in days:
    snapshot = market.snapshot(day * 86400.0 + 17.25)
    found[day] = [getattr(snapshot, name).tobytes().hex() for name in Snapshot.__dataclass_fields__ if name != "at"]
    for symbol in ("BTCUSDT", "SUSHIBTC", "QNTXUSDT"):
        rows = book.candles(book.tape.pairs[symbol], "5m", start_us=day * DAY_US, end_us=(day + 1) * DAY_US,
                            now_us=(day + 2) * DAY_US)
        found[day].append(str(kline_rows(book.tape.pairs[symbol], rows, unit_us=1)))
print(hashlib.sha256(str(sorted(found.items())).encode()).hexdigest())
"""


@pytest.fixture
def digest_of() -> Callable[[str, str], str]:
    def run(order: str, hash_seed: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", DIGEST, order],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        return done.stdout.strip()

    return run


def test_every_process_sees_the_same_market_in_any_order(digest_of: Callable[[str, str], str]) -> None:
    assert digest_of("forwards", "1") == digest_of("backwards", "2")
