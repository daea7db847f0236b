"""A block that is read at once comes out as if it were read line by line; with anything odd in it, it is not.

The same holds for a block of plain digits that is read as numbers.
"""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cryptoflow.sources.candle_digits import LOW, Digits, Ints
from cryptoflow.sources.candle_lines import LineReader, PlainCandles

MS = 1704067200000
numbers = st.sampled_from(["0", "0.00000000", "1e-8", "2.5E+3", "+5", "-1", "1.", "00012.5", "9" * 60, "0." + "1" * 60])
odd = st.sampled_from(["", "x", "NaN", "1,5", " 1", "1e400", '"', "1;2", "0x1F", "\N{ARABIC-INDIC DIGIT ONE}"])

# Each is how one file writes all of its numbers.
PLAIN_NUMBERS = [
    st.from_regex(pattern, fullmatch=True)
    for pattern in (
        r"[0-9]{1,10}\.[0-9]{8}",
        r"[0-9]{1,18}",
        r"[0-9]{1,2}(\.[0-9]{0,15})?",
        r"[0-9]{11,18}\.[0-9]{8}",
        r"[0-9]{1,18}\.[0-9]{16}",
    )
]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def lines(draw: st.DrawFn, *, columns: int, numbers: st.SearchStrategy[str] = numbers) -> str:
    opens = MS + draw(st.integers(0, 10**6)) * 60_000
    fields = [
        str(opens),
        *(draw(numbers) for _ in range(5)),
        str(opens + draw(st.sampled_from([59_999, 60_000, 1, 0, -5, 10**7]))),
        draw(numbers),
        str(draw(st.integers(0, 10**9))),
        draw(numbers),
        draw(numbers),
        draw(st.sampled_from(["0", "", "anything"])),
    ]
    return ",".join(fields[:columns])


@quick
@given(data=st.data(), columns=st.integers(6, 12))
def test_both_ways_read_the_same(data: st.DataObject, columns: int) -> None:
    block = "".join(f"{line}\n" for line in data.draw(st.lists(lines(columns=columns), min_size=1, max_size=8)))
    at_once, by_line = LineReader(columns, minutes=1), LineReader(columns, minutes=1)
    clean, bad = by_line._read_by_line(block.encode(), inside="", first_line=1)
    assert bad == []
    assert at_once._read_at_once(block.encode()) == clean
    assert (at_once.rows, at_once.minutes_apart) == (by_line.rows, by_line.minutes_apart)


@quick
@given(data=st.data(), columns=st.integers(6, 12), value=odd)
def test_what_one_way_sets_apart_the_other_does_not_take(data: st.DataObject, columns: int, value: str) -> None:
    good = data.draw(st.lists(lines(columns=columns), min_size=1, max_size=4))
    fields = data.draw(lines(columns=columns)).split(",")
    fields[data.draw(st.integers(0, min(columns, 11) - 1))] = value
    block = "".join(f"{line}\n" for line in [*good, ",".join(fields)]).encode()
    clean, bad = LineReader(columns, minutes=1).read(block, inside="", first_line=1)
    assert len(bad) == 1
    assert clean.count(b"\n") == len(good)
    assert LineReader(columns, minutes=1)._read_at_once(block) is None


@quick
@given(data=st.data(), columns=st.integers(6, 12))
def test_plain_digits_read_as_numbers_say_what_their_text_says(data: st.DataObject, columns: int) -> None:
    plain = lines(columns=min(columns, 11), numbers=data.draw(st.sampled_from(PLAIN_NUMBERS)))
    ignored = ",0" if columns == 12 else ""
    block = "".join(f"{line}{ignored}\n" for line in data.draw(st.lists(plain, min_size=1, max_size=8))).encode()
    assert check_numbers(block, columns)


@quick
@given(block=st.text("019.,\n", min_size=1, max_size=60), columns=st.integers(6, 7))
@example(block=f"{MS},1,2,3,4,5,{MS + 1}\n", columns=7)
def test_what_is_read_as_numbers_is_read_as_text_too(block: str, columns: int) -> None:
    check_numbers(f"{MS},1,2,3,4,5{f',{MS + 1}' * (columns - 6)}\n{block}\n".encode(), columns)


def check_numbers(block: bytes, columns: int) -> bool:
    """Whether the block was read as numbers; if so, they are those of the text."""
    as_numbers, by_line = LineReader(columns, minutes=1), LineReader(columns, minutes=1)
    read = as_numbers.read_plain(block)
    clean, bad = by_line._read_by_line(block, inside="", first_line=1)
    if read is None:
        assert as_numbers.rows == 0
        return False
    assert bad == []
    assert (as_numbers.rows, as_numbers.minutes_apart) == (by_line.rows, by_line.minutes_apart)
    assert list(map(list, rows_of(read))) == [
        [*map(datetime.fromisoformat, times), *map(Decimal, figures)]
        for times, figures in ((fields[:2], fields[2:]) for fields in csv.reader(io.StringIO(clean.decode())))
    ]
    return True


def rows_of(block: PlainCandles) -> zip[tuple[object, ...]]:
    times = ([EPOCH + timedelta(microseconds=at) for at in one.tolist()] for one in (block.opens, block.closes))
    return zip(*times, *map(decimals_of, block.figures.values()), strict=True)


def decimals_of(column: Digits | Ints) -> list[Decimal]:
    if isinstance(column, np.ndarray):
        return list(map(Decimal, column.tolist()))
    high = np.zeros_like(column.low) if column.high is None else column.high
    pairs = zip(high.tolist(), column.low.tolist(), strict=True)
    return [Decimal(f"{top * LOW + rest}e-{column.places}") for top, rest in pairs]
