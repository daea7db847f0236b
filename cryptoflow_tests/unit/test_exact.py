"""Decimal arithmetic: exact where contracts reach, the same in every order beyond, and never an error."""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations

import pytest

from cryptoflow.refine.exact import clamped, finite, median, quotient, rounded, total

D = Decimal


def test_a_sum_of_the_smallest_and_the_largest_is_exact() -> None:
    assert total([D("1E+30"), D("1E-30"), D("2E-30")]) == D("1" + "0" * 30 + "." + "0" * 29 + "3")


def test_a_sum_beyond_the_digits_is_the_same_in_every_order() -> None:
    values = [D("1E+200"), D(1), D("-1E+200"), D("7E+90")]
    assert len({total(order) for order in permutations(values)}) == 1


@pytest.mark.parametrize(
    ("value", "expected"), [("0.125", "0.13"), ("-0.125", "-0.13"), ("0.1249", "0.12"), ("1E+300", "1E+300")]
)
def test_halves_are_rounded_away_from_zero(value: str, expected: str) -> None:
    assert rounded(D(value), digits=2) == D(expected)


def test_a_quotient_is_rounded_once() -> None:
    assert quotient(D("0.00499" + "9" * 150), D(1), digits=2) == 0
    assert quotient(D(1), D(3), digits=4) == D("0.3333")


def test_there_is_no_quotient_by_zero_and_none_of_what_is_no_number() -> None:
    assert quotient(D(1), D(0), digits=2) is None
    assert quotient(D(0), D(0), digits=2) is None
    assert quotient(D("Infinity"), D(1), digits=2) is None


@pytest.mark.parametrize(
    ("values", "expected"), [([], None), (["3"], "3"), (["9", "1", "5"], "5"), (["9", "1", "4", "2"], "3")]
)
def test_median(values: list[str], expected: str | None) -> None:
    assert median([D(value) for value in values]) == (expected and D(expected))


def test_only_numbers_are_finite() -> None:
    assert [finite(v) for v in (None, D("NaN"), D("sNaN"), D("-Infinity"), D("1.5"))] == [
        None,
        None,
        None,
        None,
        D("1.5"),
    ]


def test_clamped() -> None:
    assert [clamped(D(value)) for value in ("-1", "0.5", "2")] == [0, D("0.5"), 1]
