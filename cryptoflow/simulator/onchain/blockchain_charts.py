"""The daily charts of blockchain.info: names, units, periods, and the values from the one simulated chain.

What belongs here: series, time spans, sampling, averaging. What does not: HTTP, JSON and CSV (blockchain_info.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from cryptoflow.simulator.market.noise import FloatArray, IntArray
from cryptoflow.simulator.onchain.bitcoin_activity import FIRST_DAY, SATOSHI_PER_COIN, BitcoinActivity
from cryptoflow.simulator.onchain.bitcoin_chain import DAY_SECONDS, HASHES_PER_DIFFICULTY, issued_satoshi

if TYPE_CHECKING:
    from cryptoflow.simulator.market.model import Market

BITCOIN_INDEX: Final = 0
MAX_SAMPLED_POINTS: Final = 1_600
QUEUE_STEP_SECONDS: Final = 900
_SPAN: Final = re.compile(r"(\d{1,6})\s*(minute|hour|day|week|month|year)s?")
_UNIT_SECONDS: Final = {
    "minute": 60,
    "hour": 3_600,
    "day": DAY_SECONDS,
    "week": 7 * DAY_SECONDS,
    "month": 30 * DAY_SECONDS,
    "year": 365 * DAY_SECONDS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySource:
    """What a chart is computed from."""

    activity: BitcoinActivity
    market: Market

    @property
    def last_known_day(self) -> int:
        """The last day of the chain."""
        return FIRST_DAY + len(self.activity.daily.blocks) - 1

    def price_usd(self, days: IntArray) -> FloatArray:
        """The price at the start of each day; zero before there was a market."""
        instants = days.astype(np.float64) * DAY_SECONDS
        prices = self.market.prices_usd(BITCOIN_INDEX, instants)
        return np.where(instants >= self.market.universe.listed_at[BITCOIN_INDEX], prices, 0.0)

    def daily(self, column: str, days: IntArray) -> FloatArray:
        """A column of the daily totals."""
        values: FloatArray = getattr(self.activity.daily, column)
        return values[days - FIRST_DAY]

    def coins_issued(self, days: IntArray) -> FloatArray:
        """All coins at the end of each day."""
        ends = np.searchsorted(self.activity.chain.block_times, (days + 1) * float(DAY_SECONDS), side="left") - 1
        return np.array([issued_satoshi(int(height)) for height in ends]) / SATOSHI_PER_COIN


Values = Callable[[DaySource, IntArray], FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One chart as the provider describes it."""

    title: str
    unit: str
    description: str
    values: Values
    default_span: str = "1year"


def _difficulty(source: DaySource, days: IntArray) -> FloatArray:
    return source.daily("difficulty_sum", days) / np.maximum(1.0, source.daily("blocks", days))


def _hash_rate(source: DaySource, days: IntArray) -> FloatArray:
    return source.daily("difficulty_sum", days) * HASHES_PER_DIFFICULTY / DAY_SECONDS / 1e12


def _revenue_usd(source: DaySource, days: IntArray) -> FloatArray:
    paid = source.daily("issued_satoshi", days) + source.daily("fees_satoshi", days)
    return paid / SATOSHI_PER_COIN * source.price_usd(days)


def _estimated_coins(source: DaySource, days: IntArray) -> FloatArray:
    return np.rint(source.daily("sent_satoshi", days) * 0.31) / SATOSHI_PER_COIN


def _addresses(source: DaySource, days: IntArray) -> FloatArray:
    return source.activity.unique_addresses(days.astype(np.float64), source.daily("transactions", days))


def _block_megabytes(source: DaySource, days: IntArray) -> FloatArray:
    return source.daily("size_bytes", days) / np.maximum(1.0, source.daily("blocks", days)) / 1e6


def _queue_bytes(source: DaySource, days: IntArray) -> FloatArray:
    return np.rint(source.activity.queue_vbytes(days.astype(np.float64) * DAY_SECONDS) * 1.35)


CHARTS: Final[dict[str, Chart]] = {
    "n-transactions": Chart(
        title="Confirmed Transactions Per Day",
        unit="Transactions",
        description="How many transactions were confirmed on a day.",
        values=lambda source, days: source.daily("transactions", days),
    ),
    "n-unique-addresses": Chart(
        title="Unique Addresses Used",
        unit="Addresses",
        description="How many different addresses took part in transactions.",
        values=_addresses,
    ),
    "hash-rate": Chart(
        title="Total Hash Rate (TH/s)",
        unit="Hash Rate TH/s",
        description="The estimated terahashes per second of all miners.",
        values=_hash_rate,
    ),
    "difficulty": Chart(
        title="Network Difficulty",
        unit="Difficulty",
        description="How much harder than at first it is to find a block.",
        values=_difficulty,
    ),
    "estimated-transaction-volume": Chart(
        title="Estimated Transaction Value (BTC)",
        unit="BTC",
        description="The value of outputs without what returns to the sender as change.",
        values=_estimated_coins,
    ),
    "estimated-transaction-volume-usd": Chart(
        title="Estimated Transaction Value (USD)",
        unit="USD",
        description="The value of outputs without change, in US dollars.",
        values=lambda source, days: _estimated_coins(source, days) * source.price_usd(days),
    ),
    "output-volume": Chart(
        title="Output Value Per Day",
        unit="BTC",
        description="The value of all outputs, change included.",
        values=lambda source, days: source.daily("sent_satoshi", days) / SATOSHI_PER_COIN,
    ),
    "avg-block-size": Chart(
        title="Average Block Size (MB)",
        unit="MB",
        description="The mean size of the blocks of a day.",
        values=_block_megabytes,
    ),
    "n-transactions-per-block": Chart(
        title="Average Transactions Per Block",
        unit="Transactions Per Block",
        description="The mean number of transactions in a block.",
        values=lambda source, days: source.daily("transactions", days) / np.maximum(1.0, source.daily("blocks", days)),
    ),
    "median-confirmation-time": Chart(
        title="Median Confirmation Time",
        unit="Minutes",
        description="The median wait of a transaction with a fee until its block.",
        values=lambda source, days: source.activity.confirmation_minutes(days.astype(np.float64)),
    ),
    "total-bitcoins": Chart(
        title="Total Circulating Bitcoin",
        unit="BTC",
        description="All coins that have been issued.",
        values=lambda source, days: source.coins_issued(days),
    ),
    "market-price": Chart(
        title="Market Price (USD)",
        unit="USD",
        description="The mean price on the large exchanges.",
        values=lambda source, days: source.price_usd(days),
    ),
    "market-cap": Chart(
        title="Market Capitalization (USD)",
        unit="USD",
        description="The value of all issued coins.",
        values=lambda source, days: source.coins_issued(days) * source.price_usd(days),
    ),
    "miners-revenue": Chart(
        title="Miners Revenue (USD)",
        unit="USD",
        description="The value of subsidies and fees paid to miners.",
        values=_revenue_usd,
    ),
    "transaction-fees": Chart(
        title="Total Transaction Fees (BTC)",
        unit="BTC",
        description="All fees paid to miners.",
        values=lambda source, days: source.daily("fees_satoshi", days) / SATOSHI_PER_COIN,
    ),
    "transaction-fees-usd": Chart(
        title="Total Transaction Fees (USD)",
        unit="USD",
        description="All fees paid to miners, in US dollars.",
        values=lambda source, days: source.daily("fees_satoshi", days) / SATOSHI_PER_COIN * source.price_usd(days),
    ),
    "mempool-size": Chart(
        title="Mempool Size (Bytes)",
        unit="Bytes",
        description="The size of the transactions that wait for a block.",
        values=_queue_bytes,
        default_span="1week",
    ),
}


def span_seconds(text: str) -> int | None:
    """The seconds of `30days`, `5weeks`, `8hours`; None for anything else."""
    match = _SPAN.fullmatch(text.strip().lower())
    return int(match[1]) * _UNIT_SECONDS[match[2]] if match else None


def last_whole_day(now: float) -> int:
    """The newest day (days since the epoch) that is over."""
    return int(now // DAY_SECONDS) - 1


def chart_points(
    chart: Chart,
    source: DaySource,
    *,
    first_day: int,
    last_day: int,
    average_days: int = 1,
    sampled: bool = True,
) -> list[tuple[int, float]]:
    """(unix seconds, value) of whole days, the last one included; sampled ones stand every few days."""
    days = np.arange(max(FIRST_DAY, first_day), min(last_day, source.last_known_day) + 1)
    if not len(days):
        return []
    values = chart.values(source, days)
    if average_days > 1:
        sums = np.cumsum(values)
        before = np.concatenate([np.zeros(average_days), sums[:-average_days]])[: len(sums)]
        values = (sums - before) / np.minimum(np.arange(1, len(sums) + 1), average_days)
    step = -(-len(days) // MAX_SAMPLED_POINTS) if sampled else 1
    kept = slice((len(days) - 1) % step, None, step)
    return list(zip((days[kept] * DAY_SECONDS).tolist(), values[kept].tolist(), strict=True))


def queue_points(activity: BitcoinActivity, *, start: float, end: float, sampled: bool) -> list[tuple[int, float]]:
    """The unconfirmed bytes every 15 minutes, or further apart when sampled."""
    first, last = -(-int(start) // QUEUE_STEP_SECONDS), int(end) // QUEUE_STEP_SECONDS
    step = max(1, -(-(last - first + 1) // MAX_SAMPLED_POINTS)) if sampled else 1
    instants = np.arange(first, last + 1, step) * QUEUE_STEP_SECONDS
    values = np.rint(activity.queue_vbytes(instants.astype(np.float64)) * 1.35)
    return list(zip(instants.tolist(), values.tolist(), strict=True))
