"""What the body faults do to a decoded JSON body.

What belongs here: changing rows, values and times, and the little memory that frozen values and repeated pages need.
What does not: whether a request is hit (faults.py), bytes and connections (middleware.py).
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec

from cryptoflow.simulator.faults import Strike
from cryptoflow.simulator.numbers import is_number, seconds_of, shifted_time, times, with_other_time_unit, with_sign
from cryptoflow.simulator.responses import Key, Shape, encode_json

Row = Any
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_MISSING = object()

RESTATED_SHARE = 1 / 3
RESTATED_BY = 0.05
RESTATED_OLDER_THAN_SECONDS = 3_600


class BodyMemory:
    """What body faults have to remember between requests. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._frozen: dict[int, dict[tuple[object, ...], object]] = {}
        self._pages: dict[str, tuple[str, bytes]] = {}

    def first_seen(self, serial: int, key: tuple[object, ...], value: object) -> object:
        """The value that was first seen under the fault `serial` at this place."""
        with self._lock:
            return self._frozen.setdefault(serial, {}).setdefault(key, value)

    def page_before(self, path: str, page: str, content: bytes) -> bytes | None:
        """The content of the page that was asked before, if it was another one of the path; remembers this one."""
        with self._lock:
            before = self._pages.get(path)
            self._pages[path] = (page, content)
            return None if before is None or before[0] == page else before[1]

    def forget_all_but(self, serials: set[int]) -> None:
        """Drop the frozen values of faults that have ended."""
        with self._lock:
            self._frozen = {serial: values for serial, values in self._frozen.items() if serial in serials}


def damage_body(
    content: bytes,
    *,
    shape: Shape,
    strikes: list[Strike],
    path: str,
    query: Mapping[str, str],
    memory: BodyMemory,
    now: float,
) -> tuple[bytes, tuple[str, ...]]:
    """The content after the faults, with the names of those that found something to change."""
    body = _DECODER.decode(content)
    done = []
    for strike in strikes:
        name = strike.fault.name
        if name == "repeated_page":
            changed, body = _repeat_page(body, shape, path, query, memory)
        elif name == "missing_page":
            changed = _empty_page(body, shape, query)
        elif name == "duplicated_rows":
            changed = _duplicate_rows(body, shape, strike.rng)
        elif name == "frozen_values":
            changed = _freeze(body, shape, strike, path, memory)
        elif name == "restated_history":
            changed = _restate(body, shape, strike, now)
        else:
            changed = _ROW_FAULTS[name](body, shape, strike)
        if changed:
            done.append(name)
    return (encode_json(body) if done else content), tuple(done)


def rows_of(body: Any, shape: Shape) -> list[tuple[object, Row]]:
    """The rows with their identities: of a list by `id_key`, of an object by its names; a body without rows is one."""
    if shape.rows is None and isinstance(body, dict):
        return [(None, body)]
    found = walk(body, shape.rows or ())
    if isinstance(found, dict):
        return [(name, row) for name, value in found.items() for row in _flat(value)]
    if isinstance(found, list):
        return [(_identity(row, shape, at), row) for at, row in enumerate(found) if isinstance(row, dict | list)]
    return []


def walk(body: Any, path: tuple[Key, ...]) -> Any:
    """What stands at the path; None when nothing does."""
    for step in path:
        if not _has(body, step):
            return None
        body = body[step]
    return body


def _has(body: Any, step: Key) -> bool:
    if isinstance(body, list):
        return isinstance(step, int) and step < len(body)
    return isinstance(body, dict) and step in body


def _flat(value: Any) -> Iterator[Row]:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        yield from value
    elif isinstance(value, dict | list):
        yield value


def _identity(row: Row, shape: Shape, at: int) -> object:
    found = at if shape.id_key is None else _value(row, shape.id_key)
    return found if isinstance(found, str | int) else at


def _place(row: Row, key: Key) -> tuple[Any, Key] | None:
    """The container and the last step of a (dotted) key, when the row has it."""
    if isinstance(key, int):
        return (row, key) if isinstance(row, list) and key < len(row) else None
    if isinstance(row, dict) and key in row:
        return row, key
    *inner, last = key.split(".")
    container = walk(row, tuple(int(step) if step.isdigit() else step for step in inner))
    return (container, last) if isinstance(container, dict) and last in container else None


def _value(row: Row, key: Key) -> Any:
    place = _place(row, key)
    return _MISSING if place is None else place[0][place[1]]


def _change(row: Row, keys: tuple[Key, ...], change: Callable[[Any], Any]) -> bool:
    changed = False
    for key in keys:
        place = _place(row, key)
        if place is None or place[0][place[1]] is None:
            continue
        before = place[0][place[1]]
        after = change(before)
        changed = changed or after is not before
        place[0][place[1]] = after
    return changed


def _change_all(body: Any, shape: Shape, keys: tuple[Key, ...], change: Callable[[Any], Any]) -> bool:
    changes = [_change(row, keys, change) for _, row in rows_of(body, shape)]
    return any(changes)


def _change_some(body: Any, shape: Shape, strike: Strike, change: Callable[[Any], Any]) -> bool:
    """A fifth of the rows, at least one."""
    rows = [row for _, row in rows_of(body, shape) if any(is_number(_value(row, key)) for key in shape.price_keys)]
    chosen = strike.rng.sample(range(len(rows)), k=-(-len(rows) // 5))
    changes = [_change(rows[at], shape.price_keys, change) for at in chosen]
    return any(changes)


def _field_of(body: Any, shape: Shape, strike: Strike) -> Key | None:
    if strike.fault.field is not None:
        return int(strike.fault.field) if strike.fault.field.isdigit() else strike.fault.field
    if shape.price_keys:
        return shape.price_keys[0]
    rows = rows_of(body, shape)
    names = sorted(rows[0][1]) if rows and isinstance(rows[0][1], dict) else []
    # The same field for as long as the fault lasts, not another one per request.
    return random.Random(strike.fault.serial).choice(names) if names else None


def _drop_field(body: Any, shape: Shape, strike: Strike) -> bool:
    key = _field_of(body, shape, strike)
    places = [] if key is None else [_place(row, key) for _, row in rows_of(body, shape)]
    for place in places:
        if place is not None:
            del place[0][place[1]]
    return any(place is not None for place in places)


def _retype_field(body: Any, shape: Shape, strike: Strike) -> bool:
    key = _field_of(body, shape, strike)
    return key is not None and _change_all(body, shape, (key,), lambda value: {"value": value})


def _jump_time(body: Any, shape: Shape, strike: Strike) -> bool:
    del strike
    return _change_all(body, shape, shape.time_keys, with_other_time_unit)


def _jump_value(body: Any, shape: Shape, strike: Strike) -> bool:
    amount = strike.fault.amount or 1000.0
    # A whole factor without ".0": text keeps its number of decimals.
    factor = Decimal(int(amount)) if amount == int(amount) else Decimal(repr(amount))
    return _change_all(body, shape, shape.price_keys, lambda value: times(value, factor))


def _skew(body: Any, shape: Shape, strike: Strike) -> bool:
    seconds = strike.fault.amount or 0.0
    return _change_all(body, shape, shape.time_keys, lambda value: shifted_time(value, seconds))


def _to_nan(body: Any, shape: Shape, strike: Strike) -> bool:
    return _change_some(body, shape, strike, lambda value: "NaN" if isinstance(value, str) else msgspec.Raw(b"NaN"))


def _to_negative(body: Any, shape: Shape, strike: Strike) -> bool:
    return _change_some(body, shape, strike, with_sign)


def _to_zero(body: Any, shape: Shape, strike: Strike) -> bool:
    return _change_some(body, shape, strike, lambda value: "0.00000000" if isinstance(value, str) else 0)


_ROW_FAULTS: dict[str, Callable[[Any, Shape, Strike], bool]] = {
    "field_vanishes": _drop_field,
    "field_changes_type": _retype_field,
    "unit_jump_time": _jump_time,
    "unit_jump_value": _jump_value,
    "clock_skew": _skew,
    "nan_values": _to_nan,
    "negative_price": _to_negative,
    "zero_price": _to_zero,
}


def _duplicate_rows(body: Any, shape: Shape, rng: random.Random) -> bool:
    rows = walk(body, shape.rows or ())
    if not isinstance(rows, list) or not rows:
        return False
    chosen = set(rng.sample(range(len(rows)), k=-(-len(rows) // 4)))
    rows[:] = [row for at, row in enumerate(rows) for row in ([row, row] if at in chosen else [row])]
    return True


def _empty_page(body: Any, shape: Shape, query: Mapping[str, str]) -> bool:
    rows = walk(body, shape.rows or ())
    is_first = shape.page_param is None or query.get(shape.page_param, "1") in ("0", "1", "")
    if is_first or not isinstance(rows, list | dict) or not rows:
        return False
    rows.clear()
    return True


def _repeat_page(body: Any, shape: Shape, path: str, query: Mapping[str, str], memory: BodyMemory) -> tuple[bool, Any]:
    if shape.page_param is None:
        return False, body
    before = memory.page_before(path, query.get(shape.page_param, ""), encode_json(body))
    return (False, body) if before is None else (True, _DECODER.decode(before))


def _is_series(shape: Shape) -> bool:
    return shape.series or (shape.id_key is not None and shape.id_key in shape.time_keys)


def _freeze(body: Any, shape: Shape, strike: Strike, path: str, memory: BodyMemory) -> bool:
    """Of many things each keeps its own first value; a history becomes flat at its first value."""
    keys = (*shape.price_keys, *shape.volume_keys)
    changed = False
    for identity, row in rows_of(body, shape):
        for key in keys:
            place = _place(row, key)
            if place is None or not is_number(place[0][place[1]]):
                continue
            whose = None if _is_series(shape) else identity
            first = memory.first_seen(strike.fault.serial, (path, whose, key), place[0][place[1]])
            changed = changed or first != place[0][place[1]]
            place[0][place[1]] = first
    return changed


def _restate(body: Any, shape: Shape, strike: Strike, now: float) -> bool:
    if not _is_series(shape):
        return False
    changed = False
    for _, row in rows_of(body, shape):
        at = next((seconds for key in shape.time_keys if (seconds := seconds_of(_value(row, key))) is not None), None)
        if at is None or at > now - RESTATED_OLDER_THAN_SECONDS:
            continue
        rng = random.Random(f"{strike.fault.serial}/{at}")
        if rng.random() >= RESTATED_SHARE:
            continue
        factor = Decimal(f"{1 + rng.uniform(-RESTATED_BY, RESTATED_BY):.4f}")
        scale = partial(times, factor=factor)
        changed = _change(row, (*shape.price_keys, *shape.volume_keys), scale) or changed
    return changed
