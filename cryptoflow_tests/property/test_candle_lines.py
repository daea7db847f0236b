"""A block that is read at once comes out as if it were read line by line; with anything odd in it, it is not."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cryptoflow.sources.candle_lines import LineReader

MS = 1704067200000
numbers = st.sampled_from(["0", "0.00000000", "1e-8", "2.5E+3", "+5", "-1", "1.", "00012.5", "9" * 60, "0." + "1" * 60])
odd = st.sampled_from(["", "x", "NaN", "1,5", " 1", "1e400", '"', "1;2", "0x1F", "\N{ARABIC-INDIC DIGIT ONE}"])

quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def lines(draw: st.DrawFn, *, columns: int) -> str:
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
