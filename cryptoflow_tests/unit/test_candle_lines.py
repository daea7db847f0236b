"""Lines of candles: every spelling of the layout is read, at once and by line alike, and what is odd is named."""

from __future__ import annotations

import pytest

from cryptoflow.sources.candle_lines import LineReader, Misfit, fields_of, is_header

MS = 1704067200000
LINE = f"{MS},1.10,2,0.5,1.5,10,{MS + 59_999},15,3,4,6,0"
CLEAN = "2024-01-01 00:00:00.000000Z,2024-01-01 00:00:59.999000Z,1.10,2,0.5,1.5,10,15,3,4,6\n"


def read(*lines: str, columns: int = 12, minutes: int = 1) -> tuple[str, list[tuple[str, str, str]]]:
    reader = LineReader(columns, minutes=minutes)
    clean, bad = reader.read("".join(f"{line}\n" for line in lines).encode(), inside="", first_line=1)
    return clean.decode(), [(one.place, one.rule, one.reason) for one in bad]


def test_a_line_comes_out_with_times_as_text_and_figures_as_they_came() -> None:
    assert read(LINE) == (CLEAN, [])


def test_the_unit_of_time_follows_from_its_size() -> None:
    micros = LINE.replace(str(MS + 59_999), f"{MS + 59_999}999").replace(f"{MS},", f"{MS}000,")
    assert read(micros) == (CLEAN, [])


@pytest.mark.parametrize("close", [MS + 60_000, MS + 59_999, MS + 1])
def test_every_close_within_the_minute_means_its_last_millisecond(close: int) -> None:
    assert read(LINE.replace(str(MS + 59_999), str(close))) == (CLEAN, [])


def test_a_close_outside_of_the_minute_is_left_for_the_rules() -> None:
    clean, bad = read(LINE.replace(str(MS + 59_999), str(MS - 1)))
    assert clean.split(",")[1] == "2023-12-31 23:59:59.999000Z"
    assert bad == []


@pytest.mark.parametrize("columns", range(6, 13))
def test_trailing_columns_may_be_missing(columns: int) -> None:
    line = ",".join(LINE.split(",")[:columns])
    expected = ["2024-01-01 00:00:00.000000Z", "2024-01-01 00:00:59.999000Z", "1.10", "2", "0.5", "1.5", "10"]
    expected += ["15", "3", "4", "6"][: max(0, columns - 7)]
    assert read(line, columns=columns) == (",".join(expected) + "\n", [])
    assert len(LineReader(columns, minutes=1).names) == len(expected)


def test_larger_candles_end_with_their_own_length() -> None:
    assert read(",".join(LINE.split(",")[:6]), columns=6, minutes=60)[0].split(",")[1] == "2024-01-01 00:59:59.999000Z"


@pytest.mark.parametrize(
    ("line", "rule", "words"),
    [
        (LINE.replace("1.10", "x"), "decodes", "open 'x' is not a number"),
        (LINE.replace("1.10", "NaN"), "decodes", "open 'NaN' is not a number"),
        (LINE.replace("1.10", "Infinity"), "decodes", "open 'Infinity' is not a number"),
        (LINE.replace("1.10", "1_0"), "decodes", "open '1_0' is not a number"),
        (LINE.replace("1.10", ""), "decodes", "open '' is not a number"),
        (LINE.replace("1.10", " 1"), "decodes", "open ' 1' is not a number"),
        (LINE.replace("1.10", "9" * 61), "decodes", f"open '{'9' * 40}' is not a number"),
        (LINE.replace(",3,", ",3.5,"), "decodes", "trade count '3.5' is not a whole number"),
        (LINE.replace(",3,", ",-3,"), "decodes", "trade count '-3' is not a whole number"),
        (LINE.replace(f"{MS},", "1704067200,"), "decodes", "1704067200 is no time in milli- or microseconds"),
        (LINE.replace(f"{MS},", "2024-01-01,"), "decodes", "open time '2024-01-01' is not a whole number"),
        (LINE.removesuffix(",0"), "columns", "it has 11 columns, the first of the file has 12"),
        (LINE + ",7", "columns", "it has 13 columns, the first of the file has 12"),
        (LINE.replace(f"{MS},", f"{MS}000,"), "mixed_units", f"{MS}000 is in microseconds, the file is in milli"),
        (
            LINE.replace(str(MS + 59_999), f"{MS + 59_999}999"),
            "mixed_units",
            "is in microseconds, the file is in milli",
        ),
    ],
)
def test_an_odd_line_is_set_apart_and_the_others_stay(line: str, rule: str, words: str) -> None:
    clean, bad = read(LINE, line, LINE)
    assert clean == CLEAN + CLEAN
    ((place, broken, reason),) = bad
    assert (place, broken) == ("line 2", rule)
    assert words in reason


def test_the_unit_is_that_of_the_file_not_of_a_block() -> None:
    reader = LineReader(12, minutes=1)
    reader.read(LINE.encode() + b"\n", inside="", first_line=1)
    micros = LINE.replace(str(MS + 59_999), f"{MS + 59_999}999").replace(f"{MS},", f"{MS}000,")
    clean, bad = reader.read(micros.encode() + b"\n", inside="a.csv, ", first_line=2)
    assert clean == b""
    assert [(one.place, one.rule, one.text) for one in bad] == [("a.csv, line 2", "mixed_units", micros)]


def test_distances_tell_the_interval_where_no_close_time_does() -> None:
    reader = LineReader(6, minutes=1)
    for first in (0, 5):
        lines = [f"{MS + (first + step) * 300_000},1,1,1,1,1\n" for step in range(5)]
        reader.read("".join(lines).encode(), inside="", first_line=1)
    assert reader.minutes_apart == 5
    reader.read(f"{MS + 61 * 60_000},1,1,1,1,1\n".encode(), inside="", first_line=1)
    assert reader.minutes_apart == 1


def test_a_header_is_a_line_without_any_number() -> None:
    assert is_header(["open_time", "open", "high"])
    assert not is_header(["open_time", "1", "high"])
    assert not is_header(["", "open"])


def test_quotes_are_read_and_what_is_no_csv_is_named() -> None:
    assert fields_of('"1","2"') == ["1", "2"]
    with pytest.raises(Misfit, match="it is no line of CSV"):
        fields_of("1" * 200_000)
