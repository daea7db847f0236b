"""What the simulated Bitcoin blocks carry and how crowded the queue is: transactions, sizes, fees, values.

What belongs here: figures of blocks, of windows and of whole days, from the one chain. What does not: the chain
itself (bitcoin_chain.py), units and names of a provider.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from typing import Final

import numpy as np

from cryptoflow.simulator.market.noise import FloatArray, keys_of, lattice, octave_sum, stable_key
from cryptoflow.simulator.onchain.bitcoin_chain import (
    DAY_SECONDS,
    GENESIS_AT,
    BitcoinChain,
    bitcoin_chain,
    subsidy_satoshi,
)

FIRST_DAY: Final = int(GENESIS_AT // DAY_SECONDS)
SATOSHI_PER_COIN: Final = 10**8
MAX_BLOCK_BYTES: Final = 3_950_000
TYPICAL_TRANSACTION_VBYTES: Final = 235.0

_TRANSACTION_KNOTS: Final = (
    (0, 1.0),
    (100_000, 3.0),
    (180_000, 35.0),
    (230_000, 320.0),
    (290_000, 420.0),
    (360_000, 820.0),
    (430_000, 1_500.0),
    (500_000, 2_050.0),
    (640_000, 2_080.0),
    (780_000, 2_400.0),
    (850_000, 3_150.0),
    (1_300_000, 3_300.0),
)
_FEE_PERIODS_SECONDS: Final = (3.0 * 3600.0, 1.4 * DAY_SECONDS, 11.0 * DAY_SECONDS)
_FEE_WOBBLE: Final = (0.3, 0.55, 1.0)
_DAY_PERIODS_SECONDS: Final = (2.5 * DAY_SECONDS, 21.0 * DAY_SECONDS)
_DAY_WOBBLE: Final = (0.12, 0.22)


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over some blocks."""

    blocks: int
    transactions: int
    size_bytes: int
    fees_satoshi: int
    issued_satoshi: int
    sent_satoshi: int
    estimated_satoshi: int
    """What changed hands without the change that returns to the sender."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """The unconfirmed transactions at an instant, and what it takes to leave it."""

    count: int
    vbytes: int
    fees_satoshi: int
    satoshi_per_vbyte: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyTotals:
    """One value per day; position 0 is FIRST_DAY."""

    blocks: FloatArray
    transactions: FloatArray
    size_bytes: FloatArray
    fees_satoshi: FloatArray
    sent_satoshi: FloatArray
    issued_satoshi: FloatArray
    difficulty_sum: FloatArray


_DAILY_COLUMNS: Final = tuple(field.name for field in fields(DailyTotals))
# Keeps the working memory of the one pass over all blocks small.
_BLOCKS_AT_ONCE: Final = 100_000


class BitcoinActivity:
    """What happens on the chain of one seed."""

    def __init__(self, chain: BitcoinChain) -> None:
        self.chain = chain
        seed = chain.seed
        self._block_keys = keys_of(stable_key(seed, "block content"), np.arange(3))
        self._fee_keys = np.stack([keys_of(stable_key(seed, "fee rate", octave), 0) for octave in range(3)])
        self._day_keys = {
            name: np.stack([keys_of(stable_key(seed, name, octave), 0) for octave in range(2)])
            for name in ("value", "addresses", "confirmation", "queue", "exchange")
        }

    # Blocks -----------------------------------------------------------------------------------------------------

    def transactions(self, heights: range) -> FloatArray:
        """How many transactions each block holds, the coinbase included."""
        positions = np.arange(heights.start, heights.stop, dtype=np.float64)
        knots, levels = np.array(_TRANSACTION_KNOTS).T
        level: FloatArray = np.interp(positions, knots, levels)
        jitter = lattice(self._block_keys[0], positions)
        count: FloatArray = np.maximum(1.0, np.rint(level * np.exp(0.45 * jitter - 0.03)))
        return count

    def sizes_bytes(self, heights: range) -> FloatArray:
        """The size of each block."""
        positions = np.arange(heights.start, heights.stop, dtype=np.float64)
        per_transaction = 480.0 * np.exp(0.12 * lattice(self._block_keys[1], positions))
        return np.rint(np.minimum(MAX_BLOCK_BYTES, 216.0 + self.transactions(heights) * per_transaction))

    def fees_satoshi(self, heights: range) -> FloatArray:
        """The fees that each block collects."""
        times = self.chain.block_times[heights.start : heights.stop]
        paid = np.maximum(0.0, self.transactions(heights) - 1.0) * TYPICAL_TRANSACTION_VBYTES
        return np.rint(paid * self.fee_rates(times))

    def sent_satoshi(self, heights: range) -> FloatArray:
        """The sum of the outputs of each block."""
        times = self.chain.block_times[heights.start : heights.stop]
        per_transaction = 1.9 * np.exp(self._wobble("value", times))
        return np.rint(self.transactions(heights) * per_transaction * SATOSHI_PER_COIN)

    def totals(self, heights: range) -> Totals:
        """Sums over these blocks."""
        sent = float(self.sent_satoshi(heights).sum())
        return Totals(
            blocks=len(heights),
            transactions=int(self.transactions(heights).sum()),
            size_bytes=int(self.sizes_bytes(heights).sum()),
            fees_satoshi=int(self.fees_satoshi(heights).sum()),
            issued_satoshi=sum(subsidy_satoshi(height) for height in heights),
            sent_satoshi=int(sent),
            estimated_satoshi=int(sent * 0.31),
        )

    # The queue --------------------------------------------------------------------------------------------------

    def fee_rates(self, instants: FloatArray) -> FloatArray:
        """Satoshi per virtual byte that confirm within some blocks."""
        amplitudes = np.asarray(_FEE_WOBBLE)[:, np.newaxis]
        curve = octave_sum(self._fee_keys, amplitudes, _FEE_PERIODS_SECONDS, instants)
        return np.maximum(1.0, 5.0 * np.exp(curve))

    def queue_vbytes(self, instants: FloatArray) -> FloatArray:
        """The size of everything unconfirmed; it piles up until the next block."""
        blocks = np.maximum(0, np.searchsorted(self.chain.block_times, instants, side="right") - 1)
        waiting_seconds = np.clip(instants - self.chain.block_times[blocks], 0.0, 7_200.0)
        level = 2.4e6 * self.fee_rates(instants) ** 1.25 * np.exp(self._wobble("queue", instants))
        return np.rint(level + 1_650.0 * waiting_seconds)

    def queue(self, at: float) -> Queue:
        """The unconfirmed transactions at an instant."""
        rate = float(self.fee_rates(np.array([at]))[0])
        vbytes = int(self.queue_vbytes(np.array([at]))[0])
        return Queue(
            count=int(vbytes / TYPICAL_TRANSACTION_VBYTES / 1.6),
            vbytes=vbytes,
            fees_satoshi=int(vbytes * rate * 0.55),
            satoshi_per_vbyte=round(rate, 2),
        )

    # Days -------------------------------------------------------------------------------------------------------

    def _wobble(self, name: str, instants: FloatArray) -> FloatArray:
        amplitudes = np.asarray(_DAY_WOBBLE)[:, np.newaxis]
        return octave_sum(self._day_keys[name], amplitudes, _DAY_PERIODS_SECONDS, instants)

    def unique_addresses(self, days: FloatArray, transactions: FloatArray) -> FloatArray:
        """Addresses used on each of these days (days since the epoch)."""
        return np.rint(transactions * 1.22 * np.exp(0.5 * self._wobble("addresses", days * DAY_SECONDS)))

    def confirmation_minutes(self, days: FloatArray) -> FloatArray:
        """The median wait of a transaction that pays a fee."""
        return 8.4 * np.exp(0.8 * self._wobble("confirmation", days * DAY_SECONDS))

    def exchange_coins(self, days: FloatArray) -> FloatArray:
        """Coins traded on the large dollar exchanges."""
        return 9_800.0 * np.exp(self._wobble("exchange", days * DAY_SECONDS))

    @cached_property
    def daily(self) -> DailyTotals:
        """Sums over the blocks of every day from the first one on."""
        days = int(self.chain.block_times[-1] // DAY_SECONDS) - FIRST_DAY + 1
        sums = np.zeros((len(_DAILY_COLUMNS), days))
        for first in range(0, len(self.chain.block_times), _BLOCKS_AT_ONCE):
            heights = range(first, min(first + _BLOCKS_AT_ONCE, len(self.chain.block_times)))
            day_of_block = (self.chain.block_times[heights.start : heights.stop] // DAY_SECONDS).astype(np.int64)
            for row, values in enumerate(self._columns(heights)):
                sums[row] += np.bincount(day_of_block - FIRST_DAY, weights=values, minlength=days)
        return DailyTotals(**dict(zip(_DAILY_COLUMNS, sums, strict=True)))

    def _columns(self, heights: range) -> tuple[FloatArray, ...]:
        subsidies = np.array([subsidy_satoshi(height) for height in heights], dtype=np.float64)
        return (
            np.ones(len(heights)),
            self.transactions(heights),
            self.sizes_bytes(heights),
            self.fees_satoshi(heights),
            self.sent_satoshi(heights),
            subsidies,
            self.chain.difficulties(heights),
        )


@lru_cache(maxsize=2)
def bitcoin_activity(seed: int) -> BitcoinActivity:
    """What happens on the chain of a seed; every source shares it."""
    return BitcoinActivity(bitcoin_chain(seed))
