"""The fear and greed index of the simulated market: one whole number from 0 to 100 per day.

    index = 50 + momentum of bitcoin over 30 and 90 days - unrest of its daily changes + own curve

What belongs here: the index, its classes, its missing days. What does not: how alternative.me words it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from cryptoflow.simulator.market.noise import keys_of, octave_sum, stable_key
from cryptoflow.simulator.market.universe import instant

if TYPE_CHECKING:
    from cryptoflow.simulator.market.model import Market
    from cryptoflow.simulator.market.noise import IntArray

DAY_SECONDS: Final = 86_400
FIRST_DAY: Final = int(instant("2018-02-01T00:00:00") // DAY_SECONDS)
LAST_DAY: Final = int(instant("2031-01-01T00:00:00") // DAY_SECONDS)
MISSING_DAYS: Final = frozenset(
    int(instant(f"{day}T00:00:00") // DAY_SECONDS) for day in ("2018-04-14", "2018-04-15", "2018-04-16", "2024-10-26")
)
_LOOKBACK_DAYS: Final = 90
# The highest value of each class.
_CLASSES: Final = ((25, "Extreme Fear"), (46, "Fear"), (54, "Neutral"), (75, "Greed"), (100, "Extreme Greed"))


def classify(value: int) -> str:
    """The class that the provider prints beside a value."""
    return next(name for highest, name in _CLASSES if value <= highest)


@lru_cache(maxsize=2)
def index_by_day(market: Market) -> IntArray:
    """The index of every day; position 0 is FIRST_DAY. It knows only prices up to the start of its day."""
    days = np.arange(FIRST_DAY - _LOOKBACK_DAYS, LAST_DAY + 1, dtype=np.float64)
    prices = np.log(market.prices_usd(0, days * DAY_SECONDS))
    count = LAST_DAY - FIRST_DAY + 1
    now = prices[_LOOKBACK_DAYS:]
    month = now - prices[_LOOKBACK_DAYS - 30 : _LOOKBACK_DAYS - 30 + count]
    quarter = now - prices[:count]
    changes = np.diff(prices, prepend=prices[0]) ** 2
    unrest = np.sqrt(np.convolve(changes, np.full(30, 1 / 30), mode="full")[_LOOKBACK_DAYS : _LOOKBACK_DAYS + count])
    keys = np.stack([keys_of(stable_key(market.seed, "fear", octave), 0) for octave in range(2)])
    periods = (3.0 * DAY_SECONDS, 25.0 * DAY_SECONDS)
    own = octave_sum(keys, np.array([[9.0], [14.0]]), periods, days[_LOOKBACK_DAYS:] * DAY_SECONDS)
    raw = 52.0 + 110.0 * month + 45.0 * quarter - 350.0 * (unrest - 0.025) + own
    return np.rint(50.0 + 45.0 * np.tanh((raw - 50.0) / 42.0)).astype(np.int64)


def published_days(now: float) -> list[int]:
    """Every day with a value, the newest first."""
    today = min(int(now // DAY_SECONDS), LAST_DAY)
    return [day for day in range(today, FIRST_DAY - 1, -1) if day not in MISSING_DAYS]
