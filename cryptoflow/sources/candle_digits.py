"""Blocks of plain digits, read at once: figures as whole numbers, exact, without an object for each of them.

    1735689600000,61069.26000000,...     digits, a point in some of them, commas, line feeds: nothing else

Where the points stand is looked up once; without them the block is whole numbers, which is the quickest there is to
read. Whatever is not that plain is refused as a whole: who asked reads it another way.
What does not belong here: what the columns mean (candle_lines).
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

Ints = NDArray[np.int64]

LOW: Final = 10**16
"""Digits are kept in two numbers: what is below this, and how often it holds this."""
_LOW_DIGITS: Final = 16
_GROUP: Final = 4
_MOST_PLACES: Final = 16
# As many digits as a whole number of 64 bits always has room for.
_NARROW: Final = 18
_WIDE: Final = _NARROW + _LOW_DIGITS
_COMMA, _POINT, _LINE_FEED, _ZERO, _NINE = b",.\n09"
_POWERS: Final = 10 ** np.arange(_MOST_PLACES + 1, dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Digits:
    """Decimals of a column: (`high` * LOW + `low`) / 10 ** `places`, and with how many decimals each was written.

    `places` are those of the longest, in whole groups of four; `high` is None when no number reaches LOW.
    """

    low: Ints
    high: Ints | None
    places: int
    decimals: Ints | int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainColumns:
    """The columns of a block by their place."""

    rows: int
    wholes: Mapping[int, Ints]
    decimals: Mapping[int, Digits]


def read_plain(block: bytes, columns: int, *, wholes: Set[int], ignored: Set[int]) -> PlainColumns | None:
    """Whole lines of so many columns; None when anything in them is not plain, or too long to be exact."""
    layout = _layout(block, columns)
    if layout is None:
        return None
    wanted = [place for place in range(columns) if place not in ignored]
    decimals = [place for place in wanted if place not in wholes]
    if not all(layout.fits(place, whole=place in wholes) for place in wanted):
        return None
    table = _whole_numbers(block, columns, wanted, wide={place for place in decimals if layout.is_wide(place)})
    return PlainColumns(
        rows=layout.rows,
        wholes={place: as_ints(table[str(place)]) for place in wanted if place in wholes},
        decimals={place: _digits(table[str(place)], layout, place) for place in decimals},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """Of each field, in rows and columns: how many digits it has, and how many of them stand after a point."""

    rows: int
    digits: Ints
    decimals: Ints
    is_pointed: NDArray[np.bool_]

    def fits(self, place: int, *, whole: bool) -> bool:
        """Whether the column is what it should be, and can be kept exactly."""
        digits, decimals = self.digits[:, place], self.decimals[:, place]
        # A digit before the point is asked for, none after it.
        if (digits - decimals).min() < 1:
            return False
        if whole:
            return not self.is_pointed[:, place].any() and bool(digits.max() <= _NARROW)
        if decimals.max() > _MOST_PLACES:
            return False
        if self.is_wide(place):
            return bool(digits.max() <= _WIDE) and bool((decimals == self.places(place)).all())
        return bool((digits - decimals).max() + self.places(place) <= _NARROW)

    def places(self, place: int) -> int:
        """The decimals of the column in whole groups."""
        return -int(-self.decimals[:, place].max() // _GROUP) * _GROUP

    def is_wide(self, place: int) -> bool:
        """Whether one number of 64 bits does not hold them all."""
        return bool((self.digits[:, place] - self.decimals[:, place]).max() + self.places(place) > _NARROW)


def _layout(block: bytes, columns: int) -> _Layout | None:
    """None when there is more than digits, points and the right number of separators."""
    text = np.frombuffer(block, np.uint8)
    if not len(text) or text.max() > _NINE:
        return None
    marks = np.flatnonzero(text < _ZERO)
    kinds = text[marks]
    is_point = kinds == _POINT
    at = np.flatnonzero(~is_point)
    rows, rest = divmod(len(at), columns)
    if rest or not rows:
        return None
    separators = kinds[at].reshape(rows, columns)
    if (separators[:, :-1] != _COMMA).any() or (separators[:, -1] != _LINE_FEED).any():
        return None
    after_point = np.concatenate([[False], is_point[:-1]])
    # Two points in one field.
    if (after_point & is_point).any():
        return None
    ends = marks[at]
    is_pointed = after_point[at]
    decimals = np.where(is_pointed, ends - marks[at - 1] - 1, 0)
    digits = np.diff(ends, prepend=-1) - 1 - is_pointed
    shape = (rows, columns)
    return _Layout(
        rows=rows,
        digits=digits.reshape(shape),
        decimals=decimals.reshape(shape),
        is_pointed=is_pointed.reshape(shape),
    )


def _whole_numbers(block: bytes, columns: int, wanted: list[int], *, wide: Set[int]) -> Any:
    """The block without its points, as a table; columns with too many digits for a number as text."""
    text = block.translate(None, b".")
    return pa_csv.read_csv(
        pa.BufferReader(text),
        read_options=pa_csv.ReadOptions(
            column_names=[str(place) for place in range(columns)], use_threads=False, block_size=len(text) + 1
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types={str(place): pa.string() if place in wide else pa.int64() for place in wanted},
            include_columns=[str(place) for place in wanted],
        ),
    )


def as_ints(column: Any) -> Ints:
    """A column of numbers as it lies in memory: Arrow's own way to arrays would load all of pandas."""
    chunk = column.combine_chunks()
    return np.frombuffer(chunk.buffers()[1], np.int64, count=len(chunk), offset=8 * chunk.offset)


def _digits(column: Any, layout: _Layout, place: int) -> Digits:
    decimals, places = layout.decimals[:, place], layout.places(place)
    low: Ints
    high: Ints | None
    if layout.is_wide(place):
        padded = pc.utf8_lpad(column, width=_WIDE, padding="0")
        high = as_ints(pc.cast(pc.utf8_slice_codeunits(padded, 0, _NARROW), pa.int64()))
        low = as_ints(pc.cast(pc.utf8_slice_codeunits(padded, _NARROW, _WIDE), pa.int64()))
    else:
        low, high = as_ints(column), None
        if (decimals != places).any():
            low = low * _POWERS[places - decimals]
        if low.max() >= LOW:
            high, low = np.divmod(low, LOW)
    same = int(decimals[0])
    return Digits(
        low=low, high=high, places=places, decimals=same if bool((decimals == same).all()) else decimals.copy()
    )
