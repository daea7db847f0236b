"""Blocks of plain digits become whole numbers that mean the same; what is not that plain is refused as a whole."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from cryptoflow.sources.candle_digits import LOW, Digits, PlainColumns, read_plain


def read(*lines: str, columns: int = 3) -> PlainColumns | None:
    block = "".join(f"{line}\n" for line in lines).encode()
    return read_plain(block, columns, wholes={0}, ignored={2})


def values(digits: Digits) -> list[Decimal]:
    high = np.zeros_like(digits.low) if digits.high is None else digits.high
    pairs = zip(high.tolist(), digits.low.tolist(), strict=True)
    return [Decimal(f"{top * LOW + rest}e-{digits.places}") for top, rest in pairs]


@pytest.mark.parametrize(
    ("texts", "places", "decimals"),
    [
        (["1.00000000", "61069.26000000", "0.00000001"], 8, 8),
        (["5", "0", "00012"], 0, 0),
        (["5", "5.", "5.5", "5.25", "0.00001"], 8, [0, 0, 1, 2, 5]),
        (["1.123456789", "2.1"], 12, [9, 1]),
        (["0.1234567890123456"], 16, 16),
        (["99.1234567890123456", "0.0000000000000001"], 16, 16),
        (["123456789012.00000000", "1.00000000"], 8, 8),
        (["9" * 18 + "." + "9" * 16], 16, 16),
        (["9" * 18], 0, 0),
        (["9" * 34], 0, 0),
    ],
)
def test_figures_are_exact_and_know_how_they_were_written(
    texts: list[str], places: int, decimals: int | list[int]
) -> None:
    found = read(*(f"{number},{text},0" for number, text in enumerate(texts)))
    assert found is not None
    assert found.rows == len(texts)
    assert found.wholes[0].tolist() == list(range(len(texts)))
    figures = found.decimals[1]
    assert values(figures) == list(map(Decimal, texts))
    assert figures.places == places
    said = figures.decimals if isinstance(figures.decimals, int) else figures.decimals.tolist()
    assert said == decimals
    assert figures.low.max() < LOW
    assert 2 not in found.decimals


@pytest.mark.parametrize(
    "line",
    [
        "",
        "1",
        "1,2",
        "1,2,3,4",
        "1,,3",
        "1,.5,3",
        "1,.,3",
        "1,1.2.3,3",
        "1,-1,3",
        "1,+1,3",
        "1,1e5,3",
        "1,0x1F,3",
        "1, 1,3",
        '1,"1",3',
        "1,1:,3",
        "1.5,1,3",
        "1.,1,3",
        ",1,3",
        "1,1,3\r",
        "1234567890123456789,1,3",
        "1,1.12345678901234567,3",
        "1," + "9" * 35 + ",3",
        # A long number beside one that is written with fewer decimals.
        "1,123456789012345678.5,3",
        "1,\N{ARABIC-INDIC DIGIT ONE},3",
    ],
)
def test_whatever_is_not_plain_is_refused(line: str) -> None:
    plain = "0,1.12345678,0"
    assert read(plain) is not None
    assert read(plain, line) is None
    assert read(line, plain) is None


def test_what_is_ignored_may_be_nothing() -> None:
    found = read("0,1.5,", "1,2.5,1.5")
    assert found is not None
    assert values(found.decimals[1]) == [Decimal("1.5"), Decimal("2.5")]
    assert read_plain(b"", 3, wholes={0}, ignored={2}) is None
