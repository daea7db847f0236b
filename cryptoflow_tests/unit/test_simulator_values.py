"""How values are written: CoinGecko's rounding, JSON with exact digits, keys and credits."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from cryptoflow.simulator.coingecko.values import iso, or_null, price, rounding
from cryptoflow.simulator.coinmarketcap.envelope import credits_for
from cryptoflow.simulator.keys import is_usable_key, masked, plan_word
from cryptoflow.simulator.responses import encode_json


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (64_123.456, 64_123),
        (2_566.923, 2_566.92),
        (1.0, 1.0),
        (0.4329791, 0.432979),
        (0.0000213456789, 0.0000213457),
        (1.23456789e-9, 1.23457e-9),
        (0.0, 0.0),
    ],
)
def test_a_price_is_rounded_as_the_site_does(value: float, shown: float) -> None:
    assert price(value) == shown
    assert type(price(value)) is type(shown)


def test_precision_overrides_the_rounding() -> None:
    assert rounding("full")(1.23456789012) == 1.23456789012
    assert rounding("3")(1.23456) == 1.235
    assert rounding("99")(1.23456) == 1.23


def test_unknown_is_null() -> None:
    assert or_null(math.nan) is None


def test_a_decimal_leaves_with_its_own_digits() -> None:
    assert encode_json({"p": Decimal("0.000000001200"), "q": Decimal("589264000000000.10")}) == (
        b'{"p":1.200E-9,"q":589264000000000.10}'
    )


def test_iso_time_has_milliseconds() -> None:
    assert iso(1_767_268_800.25) == "2026-01-01T12:00:00.250Z"


@pytest.mark.parametrize(("points", "credits"), [(0, 0), (1, 1), (200, 1), (201, 2), (500, 3)])
def test_a_credit_buys_two_hundred_points(points: int, credits: int) -> None:
    assert credits_for(points) == credits


def test_keys_say_whether_they_are_usable_and_of_which_plan() -> None:
    usable = ("SIM-1", "SIM-PRO-x", "CG-abc123", "b54bcf4d-1bca-4e8e-9a24-22ff2c3d462c")
    assert [is_usable_key(key) for key in (*usable, "invalid", "SIM-", "")] == [True] * 4 + [False] * 3
    assert [plan_word(key) for key in ("SIM-DEMO-1", "SIM-pro", "SIM-1", "CG-abc")] == ["demo", "pro", None, None]
    assert masked("SIM-PRO-verysecret") == "SIM-PRO-..."
