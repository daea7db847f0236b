"""What is wrong with a whole answer, though each of its rows may be sound: held against what stood before.

    unit_jump       most prices, volumes or market caps moved by one factor: another unit, not another figure
    clock_behind, clock_ahead   the provider's times are far from ours
    and what the answer has become compared with the recent past (batch_drift)

An answer that changed its nature must not be seen, so it is refused whole; what is merely odd is told. Each answer
(page) is judged by itself, because a unit changes for a whole answer. What it is held against are values that were
stored, so values that come back to normal are never taken for a jump; a reference that is wrong itself is overruled by
what another provider says of the same assets, and forgotten when it is old. Total and pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final, TypeVar

from cryptoflow.refine.batch_drift import (
    field_lost,
    field_missing,
    frozen,
    restated,
    rows_fell,
    time_jump,
)
from cryptoflow.refine.batch_samples import (
    LEAST_ROWS,
    OLDEST_REFERENCE,
    BatchFinding,
    Judgement,
    Sample,
    Stood,
    span_words,
)

# Nothing that is traded moves by this much for most assets within hours; units differ by a hundred or a thousand.
JUMP_FACTOR: Final = Decimal(50)
MOST_BEHIND: Final = timedelta(minutes=15)
MOST_AHEAD: Final = timedelta(seconds=30)
# Prices also move by themselves: factors this close to each other are the same factor.
_SPREAD: Final = Decimal("1.5")
# Two providers that agree differ by less than this.
_AGREEMENT: Final = Decimal(2)
_ONE: Final = Decimal(1)

S = TypeVar("S", bound=Sample)


def judge_batch(
    samples: Iterable[Sample],
    *,
    before: Mapping[int, Stood],
    elsewhere: Mapping[int, Stood],
    stood_there: Mapping[bytes, int] | None = None,
) -> Judgement:
    """Judge what one provider answered: `before` is what stands of itself, `elsewhere` what stands of others.

    `stood_there`: of each answer, how many assets stood in the ranks that it was asked for.
    """
    refused: dict[bytes, BatchFinding] = {}
    findings: dict[BatchFinding, None] = {}
    for answer, rows in _by_answer(samples).items():
        still, is_again = frozen(rows, before)
        changed = (
            time_jump(rows, before)
            or _unit_jump(rows, before, elsewhere)
            or rows_fell(rows, (stood_there or {}).get(answer))
            or field_lost(rows, before)
            or (still if is_again else None)
            or restated(rows, before)
        )
        if changed:
            refused[answer] = changed
            continue
        for finding in (*([still] if still else []), *_off_clock(rows), *field_missing(rows, before)):
            findings[finding] = None
    return Judgement(refused=refused, findings=tuple(findings))


def _by_answer(samples: Iterable[S]) -> dict[bytes, list[S]]:
    grouped: dict[bytes, list[S]] = {}
    for sample in samples:
        grouped.setdefault(sample.payload_sha256, []).append(sample)
    return grouped


def _unit_jump(
    rows: Sequence[Sample], before: Mapping[int, Stood], elsewhere: Mapping[int, Stood]
) -> BatchFinding | None:
    jumps = (_jump_from_before(rows, before, elsewhere, name) for name in _FIGURES)
    what = next((jump for jump in jumps if jump), None)
    if what is None and not all(_has_past(rows, before, name) for name in ("price", "market cap")):
        what = _jump_from_market_cap(rows)
    return BatchFinding(nature="unit_jump", what=what) if what else None


Figure = Callable[[Sample | Stood], Decimal | None]
_FIGURES: Final[Mapping[str, Figure]] = {
    "price": lambda said: said.price_usd,
    "volume": lambda said: said.volume_24h_usd,
    "market cap": lambda said: said.market_cap_usd,
}


def _has_past(rows: Sequence[Sample], before: Mapping[int, Stood], name: str) -> bool:
    return len(list(_moved(rows, before, _FIGURES[name]))) >= LEAST_ROWS


def _jump_from_before(
    rows: Sequence[Sample], before: Mapping[int, Stood], elsewhere: Mapping[int, Stood], name: str
) -> str | None:
    moved = list(_moved(rows, before, _FIGURES[name]))
    factor = _common_factor([now / then for now, then in moved])
    if factor is None:
        return None
    witnessed = [now / then for now, then in _moved(rows, elsewhere, _FIGURES[name], is_past=False)]
    if len(witnessed) >= LEAST_ROWS and _ONE / _AGREEMENT <= _middle(witnessed) <= _AGREEMENT:
        return None
    now, then = min(moved, key=lambda pair: abs(pair[0] / pair[1] - factor))
    return (
        f"the {name}s of most of {len(moved)} known assets moved by a factor of {_shown(factor)} at once: "
        f"another unit, not another {name}; one of them went from {then:f} to {now:f}"
    )


def _jump_from_market_cap(rows: Sequence[Sample]) -> str | None:
    """A price in another unit also no longer fits the market cap and the supply beside it.

    That is for answers without a past: of others, prices and market caps are each held against what was believed.
    """
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


def _moved(
    rows: Sequence[Sample], stood: Mapping[int, Stood], figure: Figure, *, is_past: bool = True
) -> Iterator[tuple[Decimal, Decimal]]:
    """The figure now and then, of the assets whose reference is near enough in time to say anything.

    `is_past`: only where what stands is no later, for an old answer that is read again is no jump back.
    """
    for row in rows:
        known, at = stood.get(row.asset_id), row.observed_at or row.fetched_at
        if known is None or abs(at - known.observed_at) > OLDEST_REFERENCE or (is_past and at < known.observed_at):
            continue
        now, then = _positive(figure(row)), _positive(figure(known))
        if now and then:
            yield now, then


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


def _off_clock(rows: Sequence[Sample]) -> list[BatchFinding]:
    lags = sorted(row.fetched_at - row.observed_at for row in rows if row.observed_at is not None)
    if len(lags) < LEAST_ROWS:
        return []
    lag = lags[len(lags) // 2]
    if lag > MOST_BEHIND:
        what = f"the times of most figures lie {span_words(lag)} in the past: old figures, or a clock that is behind"
        return [BatchFinding(nature="clock_behind", what=what)]
    if lag < -MOST_AHEAD:
        what = f"the times of most figures lie {span_words(-lag)} in the future: the clocks differ"
        return [BatchFinding(nature="clock_ahead", what=what)]
    return []


def _positive(value: Decimal | None) -> Decimal | None:
    return value if value is not None and value.is_finite() and value > 0 else None


def _middle(values: Sequence[Decimal]) -> Decimal:
    return sorted(values)[len(values) // 2]


def _shown(factor: Decimal) -> str:
    """The factor to two digits, small ones as a fraction: prices move by themselves too, so more would say nothing."""
    large = factor if factor >= 1 else _ONE / factor
    whole = Decimal(f"{large:.1E}")
    return f"{whole:f}" if factor >= 1 else f"1/{whole:f}"
