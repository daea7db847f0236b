"""What is wrong with a whole answer, though each of its rows may be sound: held against what stood before.

    unit_jump       the prices of most assets moved by one and the same factor: another unit, not another price
    frozen_values   times move on, figures do not
    clock_behind, clock_ahead   the provider's times are far from ours
    field_vanished  a figure is missing from every row

An answer whose unit jumped must not be seen, so it is refused whole; the others are told. Each answer (page) is judged
by itself, because a unit changes for a whole answer. What it is held against are values that were stored, so values
that come back to normal are never taken for a jump; a reference that is wrong itself is overruled by what another
provider says of the same assets, and forgotten when it is old. Total and pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, Protocol, TypeVar

# With fewer rows than this, chance looks like a rule.
LEAST_ROWS: Final = 20
JUMP_FACTOR: Final = Decimal(50)
FROZEN_SHARE: Final = Decimal("0.9")
OLDEST_REFERENCE: Final = timedelta(hours=36)
MOST_BEHIND: Final = timedelta(minutes=15)
MOST_AHEAD: Final = timedelta(seconds=30)
# Prices also move by themselves: factors this close to each other are the same factor.
_SPREAD: Final = Decimal("1.5")
# Two providers that agree differ by less than this.
_AGREEMENT: Final = Decimal(2)
_ONE: Final = Decimal(1)
_FIELDS: Final = (
    "market_cap_usd",
    "volume_24h_usd",
    "circulating_supply",
    "total_supply",
    "max_supply",
    "market_cap_rank",
    "fully_diluted_valuation_usd",
    "price_change_1h_percent",
    "price_change_24h_percent",
    "price_change_7d_percent",
)

Nature = Literal["unit_jump", "frozen_values", "clock_behind", "clock_ahead", "field_vanished"]


class Sample(Protocol):
    """A row of an answer."""

    @property
    def asset_id(self) -> int: ...
    @property
    def payload_sha256(self) -> bytes: ...
    @property
    def observed_at(self) -> datetime | None: ...
    @property
    def fetched_at(self) -> datetime: ...
    @property
    def price_usd(self) -> Decimal | None: ...
    @property
    def market_cap_usd(self) -> Decimal | None: ...
    @property
    def volume_24h_usd(self) -> Decimal | None: ...
    @property
    def circulating_supply(self) -> Decimal | None: ...


class Stood(Protocol):
    """What was stored of an asset last."""

    @property
    def observed_at(self) -> datetime: ...
    @property
    def price_usd(self) -> Decimal: ...
    @property
    def volume_24h_usd(self) -> Decimal | None: ...


S = TypeVar("S", bound=Sample)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFinding:
    """One thing that is wrong with the answers of a provider, in words."""

    nature: Nature
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Answers (by hash) that must not be stored, each with the reason, and everything that is to be told."""

    refused: Mapping[bytes, str]
    findings: Sequence[BatchFinding]


def judge_batch(samples: Iterable[Sample], *, before: Mapping[int, Stood], elsewhere: Mapping[int, Stood]) -> Judgement:
    """Judge what one provider answered: `before` is what stands of itself, `elsewhere` what stands of others."""
    refused: dict[bytes, str] = {}
    findings: dict[BatchFinding, None] = {}
    for answer, rows in _by_answer(samples).items():
        jump = _jump_from_before(rows, before, elsewhere) or _jump_from_market_cap(rows)
        if jump:
            refused[answer] = jump
            findings[BatchFinding(nature="unit_jump", what=jump)] = None
        for finding in (*_frozen(rows, before), *_off_clock(rows), *_vanished(rows)):
            findings[finding] = None
    return Judgement(refused=refused, findings=tuple(findings))


def _by_answer(samples: Iterable[S]) -> dict[bytes, list[S]]:
    grouped: dict[bytes, list[S]] = {}
    for sample in samples:
        grouped.setdefault(sample.payload_sha256, []).append(sample)
    return grouped


def _jump_from_before(
    rows: Sequence[Sample], before: Mapping[int, Stood], elsewhere: Mapping[int, Stood]
) -> str | None:
    ratios = _ratios(rows, before)
    factor = _common_factor(ratios)
    if factor is None:
        return None
    witnessed = _ratios(rows, elsewhere)
    if len(witnessed) >= LEAST_ROWS and _ONE / _AGREEMENT <= _middle(witnessed) <= _AGREEMENT:
        return None
    return (
        f"the prices of most of {len(ratios)} known assets moved by a factor of {_shown(factor)} at once: "
        "another unit, not another price"
    )


def _jump_from_market_cap(rows: Sequence[Sample]) -> str | None:
    """A price in another unit also no longer fits the market cap and the supply beside it."""
    ratios = [
        price * supply / cap
        for row in rows
        if (price := _positive(row.price_usd))
        and (cap := _positive(row.market_cap_usd))
        and (supply := _positive(row.circulating_supply))
    ]
    factor = _common_factor(ratios)
    if factor is None:
        return None
    return (
        f"the prices of most of {len(ratios)} assets are {_shown(factor)} times what their own market caps and "
        "supplies say: another unit"
    )


def _ratios(rows: Sequence[Sample], stood: Mapping[int, Stood]) -> list[Decimal]:
    """Price now to price then, of the assets whose reference is near enough in time to say anything."""
    return [
        price / known.price_usd
        for row in rows
        if (price := _positive(row.price_usd))
        and (known := stood.get(row.asset_id))
        and abs((row.observed_at or row.fetched_at) - known.observed_at) <= OLDEST_REFERENCE
    ]


def _common_factor(ratios: Sequence[Decimal]) -> Decimal | None:
    """The large factor that more than half of the ratios share; None when there is none."""
    if len(ratios) < LEAST_ROWS:
        return None
    middle = _middle(ratios)
    if _ONE / JUMP_FACTOR < middle < JUMP_FACTOR:
        return None
    low, high = middle / _SPREAD, middle * _SPREAD
    shared = sum(low <= ratio <= high for ratio in ratios)
    return middle if shared * 2 > len(ratios) else None


def _frozen(rows: Sequence[Sample], before: Mapping[int, Stood]) -> list[BatchFinding]:
    moved = [
        (row, known)
        for row in rows
        if (known := before.get(row.asset_id)) and row.observed_at is not None and row.observed_at > known.observed_at
    ]
    same = sum((row.price_usd, row.volume_24h_usd) == (known.price_usd, known.volume_24h_usd) for row, known in moved)
    if len(moved) < LEAST_ROWS or same < FROZEN_SHARE * len(moved):
        return []
    what = f"the figures of {same} of {len(moved)} assets are exactly those of before, though their times moved on"
    return [BatchFinding(nature="frozen_values", what=what)]


def _off_clock(rows: Sequence[Sample]) -> list[BatchFinding]:
    lags = sorted(row.fetched_at - row.observed_at for row in rows if row.observed_at is not None)
    if len(lags) < LEAST_ROWS:
        return []
    lag = lags[len(lags) // 2]
    if lag > MOST_BEHIND:
        what = f"the times of most figures lie {_minutes(lag)} in the past: old figures, or a clock that is behind"
        return [BatchFinding(nature="clock_behind", what=what)]
    if lag < -MOST_AHEAD:
        what = f"the times of most figures lie {_minutes(-lag)} in the future: the clocks differ"
        return [BatchFinding(nature="clock_ahead", what=what)]
    return []


def _vanished(rows: Sequence[Sample]) -> list[BatchFinding]:
    if len(rows) < LEAST_ROWS:
        return []
    return [
        BatchFinding(nature="field_vanished", what=f"{name} is missing from each of {len(rows)} rows")
        for name in _FIELDS
        if all(getattr(row, name, None) is None for row in rows)
    ]


def _positive(value: Decimal | None) -> Decimal | None:
    return value if value is not None and value.is_finite() and value > 0 else None


def _middle(values: Sequence[Decimal]) -> Decimal:
    return sorted(values)[len(values) // 2]


def _shown(factor: Decimal) -> str:
    """The factor to two digits, small ones as a fraction: prices move by themselves too, so more would say nothing."""
    large = factor if factor >= 1 else _ONE / factor
    whole = Decimal(f"{large:.1E}")
    return f"{whole:f}" if factor >= 1 else f"1/{whole:f}"


def _minutes(span: timedelta) -> str:
    minutes = max(1, round(span.total_seconds() / 60))
    return f"{minutes} minute{'' if minutes == 1 else 's'}"
