"""Minutes in the binary form of COPY: for PostgreSQL half the work of text, and here no object for each figure.

A number is written as groups of four digits, as PostgreSQL keeps it, with the decimals that its text had: what is
stored is to the last zero what the text would have become. What does not belong here: reading files, what fits.
"""

from __future__ import annotations

import csv
import io
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from psycopg.adapt import PyFormat, Transformer

from cryptoflow.contracts.candles import minute_candles
from cryptoflow.sources.candle_digits import Digits, Ints
from cryptoflow.sources.candle_lines import PlainCandles

START: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
END: Final = b"\xff\xff"
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
# PostgreSQL counts from here.
_THEIR_EPOCH_US: Final = (datetime(2000, 1, 1, tzinfo=UTC) - EPOCH) // _MICROSECOND
_NULL: Final = struct.pack(">i", -1)
_GROUP: Final = 10_000
_EIGHT: Final = 10**8
_LOW_GROUPS: Final = 4
_HIGH_GROUPS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedMinutes:
    """Rows for COPY, and their times in microseconds since 1970."""

    data: bytes
    opens: Ints
    closes: Ints


class MinuteEncoder:
    """Encodes blocks of minutes, each row followed by what is the same in all of them."""

    def __init__(self, columns: Sequence[str], constants: Mapping[str, object]) -> None:
        self.columns = (*columns, *constants)
        self._figures = columns[2:]
        self._head = struct.pack(">h", len(self.columns))
        self._constants = b"".join(_field(name, value) for name, value in constants.items())
        # Whichever way a decimal is written, the driver has its own exact way for it.
        self._dump_decimal = Transformer().get_dumper(Decimal(0), PyFormat.BINARY).dump

    def encode(self, block: PlainCandles | bytes) -> EncodedMinutes:
        """Numbers all together, text row by row."""
        return self._encode_numbers(block) if isinstance(block, PlainCandles) else self._encode_text(block)

    def _encode_numbers(self, block: PlainCandles) -> EncodedMinutes:
        figures = [(name, block.figures[name]) for name in self._figures]
        form = _row_form(
            tuple((name, 0 if isinstance(one, np.ndarray) else _groups_of(one)) for name, one in figures),
            self._head,
            self._constants,
        )
        rows = np.empty(len(block.opens), form.dtype)
        rows.view(form.as_bytes)[:] = form.template.view(form.as_bytes)
        rows["open_time"] = block.opens - _THEIR_EPOCH_US
        rows["close_time"] = block.closes - _THEIR_EPOCH_US
        for name, one in figures:
            if isinstance(one, np.ndarray):
                rows[name] = one
            else:
                _write_digits(rows[name], one)
        return EncodedMinutes(data=rows.tobytes(), opens=block.opens, closes=block.closes)

    def _encode_text(self, block: bytes) -> EncodedMinutes:
        times: list[tuple[int, int]] = []
        data = bytearray()
        for opens, closes, *figures in csv.reader(io.StringIO(block.decode())):
            times.append((_microseconds(opens), _microseconds(closes)))
            data += self._head
            for moment in times[-1]:
                data += struct.pack(">iq", 8, moment - _THEIR_EPOCH_US)
            for name, text in zip(self._figures, figures, strict=True):
                data += self._figure(name, text)
            data += self._constants
        both = np.array(times, np.int64).reshape(-1, 2)
        return EncodedMinutes(data=bytes(data), opens=both[:, 0], closes=both[:, 1])

    def _figure(self, name: str, text: str) -> bytes:
        if isinstance(minute_candles.columns[name].type, sa.BigInteger):
            return struct.pack(">iq", 8, int(text))
        dumped = bytes(self._dump_decimal(Decimal(text)) or b"")
        return struct.pack(">i", len(dumped)) + dumped


# One row ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _RowForm:
    """How a row lies in memory, and one in which everything stands that is the same in all rows."""

    dtype: np.dtype[Any]
    as_bytes: np.dtype[Any]
    template: np.ndarray[Any, Any]


@lru_cache(maxsize=64)
def _row_form(figures: tuple[tuple[str, int], ...], head: bytes, constants: bytes) -> _RowForm:
    """`figures`: of each how many groups of digits it has; 0: it is a whole number of eight bytes."""
    fields: list[tuple[str, Any]] = [("head", f"V{len(head)}")]
    for name in ("open_time", "close_time"):
        fields += [(f"{name} length", ">i4"), (name, ">i8")]
    for name, groups in figures:
        fields += [(f"{name} length", ">i4"), (name, _numeric(groups) if groups else ">i8")]
    dtype = np.dtype([*fields, ("constants", f"V{len(constants)}")])
    template = np.zeros(1, dtype)
    template["head"], template["constants"] = np.void(head), np.void(constants)
    for field, _ in fields:
        if field.endswith(" length"):
            template[field] = dtype[field.removesuffix(" length")].itemsize
    return _RowForm(dtype=dtype, as_bytes=np.dtype(f"V{dtype.itemsize}"), template=template)


def _numeric(groups: int) -> np.dtype[Any]:
    """How PostgreSQL is sent a numeric: what its first group weighs, its sign, its decimals, its groups."""
    head = [(name, ">i2") for name in ("groups", "weight", "sign", "decimals")]
    return np.dtype([*head, *((f"group {number}", ">i2") for number in range(groups))])


def _groups_of(digits: Digits) -> int:
    """Groups of zeros in front do not matter, so that all rows can have the same number of them."""
    return _LOW_GROUPS if digits.high is None else _HIGH_GROUPS + _LOW_GROUPS


def _write_digits(field: np.ndarray[Any, Any], digits: Digits) -> None:
    groups = _groups_of(digits)
    field["groups"] = groups
    field["weight"] = groups - 1 - digits.places // 4
    field["decimals"] = digits.decimals
    if digits.high is not None:
        tops, rest = np.divmod(digits.high, _EIGHT * _EIGHT)
        field["group 0"] = tops
        _write_sixteen(field, rest, 1)
    _write_sixteen(field, digits.low, groups - _LOW_GROUPS)


def _write_sixteen(field: np.ndarray[Any, Any], digits: Ints, first: int) -> None:
    """Numbers of sixteen digits as four groups. Small numbers are divided much faster than large ones."""
    upper = digits // _EIGHT
    for place, half in ((first, upper), (first + 2, digits - upper * _EIGHT)):
        eight = half.astype(np.uint32)
        fours = eight // _GROUP
        field[f"group {place}"] = fours
        field[f"group {place + 1}"] = eight - fours * _GROUP


def _field(name: str, value: object) -> bytes:
    """A value with its length."""
    if value is None:
        return _NULL
    data = _value(minute_candles.columns[name].type, value)
    return struct.pack(">i", len(data)) + data


def _value(kind: sa.types.TypeEngine[Any], value: Any) -> bytes:
    """A value as its type is sent."""
    if isinstance(kind, sa.DateTime):
        return struct.pack(">q", (value - EPOCH) // _MICROSECOND - _THEIR_EPOCH_US)
    if isinstance(kind, sa.Boolean):
        return struct.pack(">?", value)
    if isinstance(kind, sa.LargeBinary):
        return bytes(value)
    if isinstance(kind, sa.Text):
        return str(value).encode()
    assert isinstance(kind, sa.Integer), kind
    return struct.pack(">i", value)


def _microseconds(text: str) -> int:
    return (datetime.fromisoformat(text) - EPOCH) // _MICROSECOND
