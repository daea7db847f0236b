"""Decimal arithmetic that neither drifts nor raises: sums, means, medians and quotients.

Sums and products are exact for every value that a contract lets in (120 digits); a value beyond that is still treated
the same way on every machine and in every order. A quotient is rounded once, half away from zero, as PostgreSQL's
round(numeric, digits) does.
What does not belong here: what a figure means.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import MAX_EMAX, MIN_EMIN, ROUND_05UP, ROUND_HALF_UP, Context, Decimal
from typing import Final

ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)
_DIGITS: Final = 120
# ROUND_05UP keeps the first rounding from deciding a tie of the second one.
_WIDE: Final = Context(prec=_DIGITS, rounding=ROUND_05UP, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[])


def finite(value: Decimal | None) -> Decimal | None:
    """The value when it is a number; None for a missing one, NaN and infinities."""
    return value if value is not None and value.is_finite() else None


def rounded(value: Decimal, *, digits: int) -> Decimal:
    """The value with this many digits after the point, halves away from zero."""
    if not value.is_finite() or value.adjusted() + digits >= _DIGITS:
        return value
    return value.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP, context=_WIDE)


def quotient(numerator: Decimal, denominator: Decimal, *, digits: int) -> Decimal | None:
    """numerator / denominator, rounded once; None where there is no such number."""
    if denominator == 0:
        return None
    return finite(rounded(_WIDE.divide(numerator, denominator), digits=digits))


def total(values: Iterable[Decimal]) -> Decimal:
    """The sum, the same in every order of the values."""
    result = ZERO
    for value in sorted(values):
        result = _WIDE.add(result, value)
    return result


def difference(one: Decimal, other: Decimal) -> Decimal:
    """one - other."""
    return _WIDE.subtract(one, other)


def product(one: Decimal, other: Decimal | int) -> Decimal:
    """one x other."""
    return _WIDE.multiply(one, Decimal(other))


def median(values: Sequence[Decimal]) -> Decimal | None:
    """The middle value; of an even number of them, the mean of the two in the middle."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    if not ordered:
        return None
    if len(ordered) % 2:
        return ordered[middle]
    return product(_WIDE.add(ordered[middle - 1], ordered[middle]), Decimal("0.5"))


def clamped(value: Decimal, *, low: Decimal = ZERO, high: Decimal = ONE) -> Decimal:
    """The value, moved into [low, high]."""
    return min(max(value, low), high)
