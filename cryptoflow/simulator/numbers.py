"""Arithmetic on values as they stand in JSON: numbers, decimal text, instants in any unit; each keeps its kind.

What does not belong here: where the values stand (damage.py).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

MICROSECONDS_FROM = 10**14
MILLISECONDS_FROM = 10**11


def is_number(value: object) -> bool:
    """Whether the value is a number or decimal text."""
    return _decimal(value) is not None


def times(value: Any, factor: Decimal) -> Any:
    """The value times `factor`; text stays text, a whole number stays whole when it can."""
    number = _decimal(value)
    return value if number is None else _like(value, number * factor)


def with_sign(value: Any) -> Any:
    """The value with a minus sign."""
    number = _decimal(value)
    return value if number is None else _like(value, -abs(number))


def with_other_time_unit(value: Any) -> Any:
    """Microseconds become milliseconds, milliseconds microseconds, seconds milliseconds; ISO text stays."""
    number = _decimal(value)
    if number is None:
        return value
    return _like(value, number / 1000 if abs(number) >= MICROSECONDS_FROM else number * 1000)


def shifted_time(value: Any, seconds: float) -> Any:
    """The instant moved by `seconds`, in its own unit and kind."""
    number = _decimal(value)
    if number is not None:
        return _like(value, number + int(seconds * _units_per_second(number)))
    moment = _moment(value)
    return value if moment is None else _written_like(value, moment + timedelta(seconds=seconds))


def seconds_of(value: object) -> float | None:
    """The instant in unix seconds, or None when it is none."""
    number = _decimal(value)
    if number is not None:
        return float(number / _units_per_second(number))
    moment = _moment(value)
    return None if moment is None else moment.timestamp()


def _units_per_second(number: Decimal) -> int:
    if abs(number) >= MICROSECONDS_FROM:
        return 1_000_000
    return 1_000 if abs(number) >= MILLISECONDS_FROM else 1


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return None
    try:
        number = Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _like(before: Any, number: Decimal) -> Any:
    if isinstance(before, str):
        return format(number, "f")
    return int(number) if isinstance(before, int) and number == int(number) else number


def _moment(value: object) -> datetime | None:
    if not isinstance(value, str) or "T" not in value:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _written_like(before: str, moment: datetime) -> str:
    text = moment.isoformat(timespec="milliseconds" if "." in before else "seconds")
    return text.replace("+00:00", "Z") if before.endswith("Z") else text
