"""Lines of candles in the archive's layout, checked and brought into one form: times as text, figures as they came.

    open time, open, high, low, close, volume[, close time, quote volume, trades, taker base, taker quote[, ignored]]

Whole blocks are checked at once; a block that holds anything odd is read again line by line, and lines that do not fit
are set apart with their text and the reason. Both ways accept the same lines. Who wants numbers instead of text takes
them from blocks of plain digits, as archives write them. What does not belong here: files.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from cryptoflow.sources.candle_digits import Digits, Ints, as_ints, read_plain

COLUMNS: Final = (
    "open time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close time",
    "quote volume",
    "trade count",
    "taker base volume",
    "taker quote volume",
    "ignored",
)
FEWEST_COLUMNS: Final = 6
MOST_COLUMNS: Final = len(COLUMNS)
_CLOSE_TIME: Final = 6
_WHOLE_NUMBERS: Final = frozenset({0, _CLOSE_TIME, 8})
_IGNORED: Final = 11

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST_MS: Final = int(datetime(2009, 1, 1, tzinfo=UTC).timestamp() * 1000)
_LATEST_MS: Final = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp() * 1000)
_FIRST_MICROSECONDS: Final = 10**14
_UNITS: Final = {1: "microseconds", 1_000: "milliseconds"}
_MINUTE_US: Final = 60_000_000
# Candles are stored with the last millisecond inside them, whichever way their source writes it.
_BEFORE_END_US: Final = 1_000
# One grammar for both ways of reading: it is understood by Python and by Arrow alike.
_NUMBER_TEXT: Final = r"^[+-]?[0-9]{1,60}(\.[0-9]{0,60})?([eE][+-]?[0-9]{1,2})?$"
_WHOLE_TEXT: Final = r"^[0-9]{1,18}$"
_NUMBER: Final = re.compile(_NUMBER_TEXT)
_WHOLE: Final = re.compile(_WHOLE_TEXT)


@dataclass(frozen=True, slots=True, kw_only=True)
class BadLine:
    """A line that does not fit: where it stands, its text, the rule that it breaks and how."""

    place: str
    text: str
    rule: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainCandles:
    """Candles of a block: times in microseconds since 1970, figures by their names, each exact."""

    opens: Ints
    closes: Ints
    figures: Mapping[str, Digits | Ints]


class Misfit(ValueError):
    """Why a line does not fit."""

    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(reason)
        self.rule = rule


class LineReader:
    """Reads the lines of one file, which all have the columns and the unit of time of its first."""

    def __init__(self, columns: int, *, minutes: int) -> None:
        self.columns = columns
        self._length_us = minutes * _MINUTE_US
        self.rows = 0
        self._unit_us = 0
        self._step_us = 0
        self._last_us: int | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of what is returned."""
        return ("open_time", "close_time", *(COLUMNS[place].replace(" ", "_") for place in self._told))

    @property
    def _told(self) -> list[int]:
        return [place for place in range(1, self.columns) if place not in {_CLOSE_TIME, _IGNORED}]

    @property
    def minutes_apart(self) -> int:
        """The distance that all rows share, where no close time tells how long they last; else 0."""
        return self._step_us // _MINUTE_US

    def read(self, block: bytes, *, inside: str, first_line: int) -> tuple[bytes, list[BadLine]]:
        """Whole lines; returns those that fit, in the one form, and those that do not."""
        at_once = self._read_at_once(block)
        if at_once is not None:
            return at_once, []
        return self._read_by_line(block, inside=inside, first_line=first_line)

    def read_plain(self, block: bytes) -> PlainCandles | None:
        """The same rows as numbers; None when anything in the block is odd, and nothing is remembered of it then."""
        if b"\r" in block:
            block = block.replace(b"\r\n", b"\n")
        read = read_plain(block, self.columns, wholes=_WHOLE_NUMBERS, ignored={_IGNORED})
        times = self._opens_and_closes(read.wholes[0], read.wholes.get(_CLOSE_TIME)) if read else None
        if read is None or times is None:
            return None
        columns: Mapping[int, Digits | Ints] = {**read.wholes, **read.decimals}
        opens, closes = times
        return PlainCandles(
            opens=opens,
            closes=closes,
            figures={name: columns[place] for place, name in zip(self._told, self.names[2:], strict=True)},
        )

    def _read_at_once(self, block: bytes) -> bytes | None:
        """None when anything in it is odd; nothing is remembered of it then."""
        names = [str(place) for place in range(self.columns)]
        try:
            table = pa_csv.read_csv(
                pa.BufferReader(block),
                read_options=pa_csv.ReadOptions(column_names=names, use_threads=False, block_size=len(block) + 1),
                convert_options=pa_csv.ConvertOptions(
                    column_types={name: pa.string() for name in names}, strings_can_be_null=False
                ),
            )
        except pa.ArrowInvalid:
            return None
        if not table.num_rows or not all(self._fits(table, place) for place in range(self.columns)):
            return None
        times = self._opens_and_closes(
            *(as_ints(pc.cast(table[name], pa.int64())) for name in ("0", "6") if int(name) < self.columns)
        )
        if times is None:
            return None
        columns = [_time_texts(values) for values in times]
        columns += [table[name] for name in names if int(name) not in {0, _CLOSE_TIME, _IGNORED}]
        sink = pa.BufferOutputStream()
        pa_csv.write_csv(
            pa.table(columns, names=list(self.names)),
            sink,
            pa_csv.WriteOptions(include_header=False, quoting_style="none"),
        )
        return bytes(sink.getvalue().to_pybytes())

    @staticmethod
    def _fits(table: Any, place: int) -> bool:
        if place == _IGNORED:
            return True
        grammar = _WHOLE_TEXT if place in _WHOLE_NUMBERS else _NUMBER_TEXT
        return bool(pc.all(pc.match_substring_regex(table[str(place)], grammar)).as_py())

    def _opens_and_closes(self, opens: Ints, closes: Ints | None = None) -> tuple[Ints, Ints] | None:
        """As microseconds, and in the one form; None when they are not plausible, and nothing is remembered then."""
        opens_us = self._times_at_once(opens)
        if opens_us is None:
            return None
        ends = opens_us + self._length_us
        closes_us = ends if closes is None else self._times_at_once(closes)
        if closes_us is None:
            return None
        if closes is None:
            self._measure(opens_us)
        self.rows += len(opens_us)
        inside = (opens_us < closes_us) & (closes_us <= ends)
        return opens_us, np.where(inside, ends - _BEFORE_END_US, closes_us)

    def _times_at_once(self, values: Ints) -> Ints | None:
        """Microseconds since the epoch; None when they are not all plausible and of the file's unit."""
        unit_us = self._unit_us or _unit_of(int(values[0]))
        lowest, highest = _EARLIEST_MS * 1_000 // unit_us, _LATEST_MS * 1_000 // unit_us
        if values.min() < lowest or values.max() >= highest:
            return None
        self._unit_us = unit_us
        return values * unit_us

    def _read_by_line(self, block: bytes, *, inside: str, first_line: int) -> tuple[bytes, list[BadLine]]:
        good = io.StringIO()
        writer = csv.writer(good, lineterminator="\n")
        bad: list[BadLine] = []
        for number, line in enumerate(block.splitlines(), start=first_line):
            text = line.decode("utf-8", "replace")
            if not text.strip():
                continue
            try:
                writer.writerow(self._fields(text))
            except Misfit as misfit:
                place = f"{inside}line {number}"
                bad.append(BadLine(place=place, text=text, rule=misfit.rule, reason=str(misfit)))
        return good.getvalue().encode(), bad

    def _fields(self, text: str) -> list[str]:
        """One line in the one form."""
        fields = fields_of(text)
        if len(fields) != self.columns:
            raise Misfit("columns", f"it has {len(fields)} columns, the first of the file has {self.columns}")
        for place, field in enumerate(fields):
            _check(field, place)
        opens = self._time(fields[0])
        ends = opens + self._length_us
        closes = self._time(fields[_CLOSE_TIME]) if self.columns > _CLOSE_TIME else ends
        if self.columns <= _CLOSE_TIME:
            self._measure(np.array([opens]))
        self.rows += 1
        if opens < closes <= ends:
            closes = ends - _BEFORE_END_US
        told = [field for place, field in enumerate(fields) if place not in {0, _CLOSE_TIME, _IGNORED}]
        return [_time_text(opens), _time_text(closes), *told]

    def _time(self, text: str) -> int:
        value = int(text)
        unit_us = _unit_of(value)
        if not _EARLIEST_MS <= value * unit_us // 1_000 < _LATEST_MS:
            raise Misfit("decodes", f"{text} is no time in milli- or microseconds between 2009 and 2100")
        self._unit_us = self._unit_us or unit_us
        if unit_us != self._unit_us:
            raise Misfit("mixed_units", f"{text} is in {_UNITS[unit_us]}, the file is in {_UNITS[self._unit_us]}")
        return value * unit_us

    def _measure(self, opens: Any) -> None:
        """Remember the largest step of which all distances are multiples."""
        if self._last_us is not None:
            opens = np.concatenate([[self._last_us], opens])
        self._last_us = int(opens[-1])
        self._step_us = math.gcd(self._step_us, int(np.gcd.reduce(np.abs(np.diff(opens)), initial=0)))


def fields_of(text: str) -> list[str]:
    """The fields of one line."""
    try:
        return next(csv.reader([text]), [])
    except csv.Error:
        raise Misfit("decodes", "it is no line of CSV") from None


def is_header(fields: list[str]) -> bool:
    """Names of columns: not one of them is a number."""
    return not any(_NUMBER.match(field.strip()) for field in fields) and bool(fields[0].strip())


def _check(field: str, place: int) -> None:
    if place == _IGNORED:
        return
    if place in _WHOLE_NUMBERS and not _WHOLE.match(field):
        raise Misfit("decodes", f"{COLUMNS[place]} {field[:40]!r} is not a whole number")
    if not _NUMBER.match(field):
        raise Misfit("decodes", f"{COLUMNS[place]} {field[:40]!r} is not a number")


def _unit_of(value: int) -> int:
    """Microseconds that the unit of a time has, by its size."""
    return 1 if value >= _FIRST_MICROSECONDS else 1_000


def _time_texts(values: Ints) -> Any:
    """From the memory as it is: to look at an array, Arrow would load all of pandas."""
    buffers = [None, pa.py_buffer(np.ascontiguousarray(values))]
    return pa.Array.from_buffers(pa.timestamp("us", tz="UTC"), len(values), buffers)


def _time_text(value: int) -> str:
    return f"{_EPOCH + timedelta(microseconds=value):%Y-%m-%d %H:%M:%S.%f}Z"
