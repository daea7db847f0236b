"""The words of the market's commands: instants, names of closes, rules."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cryptoflow.cadence import Grain
from cryptoflow.cli.market import Explained
from cryptoflow.cli.options import instant_of
from cryptoflow.contracts.closes import CLOSES
from cryptoflow.contracts.velocity import velocity
from cryptoflow.errors import UsageError
from cryptoflow.warehouse import folding, minutes
from cryptoflow.warehouse.explaining import formula_of


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-20T10:31Z", datetime(2026, 11, 20, 10, 31, tzinfo=UTC)),
        ("2026-11-20 10:31:05.25", datetime(2026, 11, 20, 10, 31, 5, 250_000, tzinfo=UTC)),
        ("2026-11-20T10:31+02:00", datetime(2026, 11, 20, 8, 31, tzinfo=UTC)),
        (" 2026-11-20 ", datetime(2026, 11, 20, tzinfo=UTC)),
    ],
)
def test_an_instant_is_in_utc(text: str, instant: datetime) -> None:
    assert instant_of(text) == instant
    assert instant_of(text).tzinfo is UTC


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "10:31"])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not an instant"):
        instant_of(text)


def test_the_closes_that_can_be_explained_are_those_of_the_contracts() -> None:
    closes = {grain.name: CLOSES[grain].name for grain in Grain}
    assert {one.name: one.value for one in Explained} == closes | {"VELOCITY": velocity.name}


@pytest.mark.parametrize("grain", Grain)
def test_the_rule_in_force_has_its_words(grain: Grain) -> None:
    version = minutes.CLOSE_FORMULA_VERSION if grain is Grain.MINUTE else folding.FORMULA_VERSION
    assert formula_of(grain, version).endswith(".")
