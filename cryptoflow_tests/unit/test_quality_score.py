"""The data quality score: its terms, and what becomes of the weights when one is missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cryptoflow.refine.quality_score import (
    SourceFigures,
    agreement,
    completeness,
    freshness,
    integrity,
    quality_of,
    tier_of,
)

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def figures(**changes: Any) -> SourceFigures:
    given: dict[str, Any] = {
        "observed_at": NOON, "price_usd": Decimal(2), "market_cap_usd": Decimal(200), "volume_24h_usd": Decimal(10),
        "circulating_supply": Decimal(100), "total_supply": Decimal(150), "max_supply": Decimal(200),
        "market_cap_rank": 1,
    }  # fmt: skip
    return SourceFigures(**given | changes)


def test_a_sound_close_of_one_source_has_no_agreement_and_the_full_score() -> None:
    found = quality_of(figures(), [], end=NOON + MINUTE)
    assert (found.score, found.tier) == (1, "High")
    assert found.terms == {"completeness": 1, "freshness": 1, "integrity": 1}
    assert found.unavailable == {"agreement": "single_source"}


def test_the_weights_of_missing_terms_are_shared_by_the_others() -> None:
    lean = figures(
        market_cap_usd=None, circulating_supply=None, total_supply=None, max_supply=None, market_cap_rank=None
    )
    found = quality_of(lean, [], end=NOON + MINUTE)
    assert found.terms == {"completeness": Decimal("0.333333"), "freshness": 1}
    assert found.score == round((Decimal("0.35") * Decimal("0.333333") + Decimal("0.25")) / Decimal("0.6"), 6)
    assert found.unavailable == {"agreement": "single_source", "integrity": "no_rule_applies"}
    assert found.tier == "Low"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "1"),
        ({"max_supply": None}, "1"),
        ({"total_supply": None}, "0.857143"),
        ({"total_supply": None, "max_supply": None}, "0.833333"),
    ],
)
def test_an_uncapped_coin_does_not_miss_a_cap(changes: dict[str, Any], expected: str) -> None:
    assert completeness(figures(**changes)) == Decimal(expected)


@pytest.mark.parametrize(("seconds", "expected"), [(0, "1"), (60, "1"), (180, "0.5"), (300, "0"), (9000, "0")])
def test_freshness_falls_from_one_cadence_to_five(seconds: int, expected: str) -> None:
    assert freshness(timedelta(seconds=seconds)) == Decimal(expected)


@pytest.mark.parametrize(
    ("price", "expected"), [("2", "1"), ("2.01", "1"), ("2.03", "0.5"), ("1.97", "0.5"), ("2.05", "0"), ("9", "0")]
)
def test_two_sources_agree_within_the_tolerance_and_no_more_at_five_times(price: str, expected: str) -> None:
    believed = figures(price_usd=Decimal(price), volume_24h_usd=None, market_cap_usd=None, circulating_supply=None)
    assert agreement(believed, [figures()]) == Decimal(expected)


def test_of_three_sources_the_median_is_what_is_compared_with() -> None:
    others = [figures(price_usd=Decimal("2.0")), figures(price_usd=Decimal(2))]
    assert agreement(figures(price_usd=Decimal("2.0")), others) == 1
    assert agreement(figures(price_usd=Decimal(50)), others) == Decimal("0.75")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "1"),
        ({"circulating_supply": Decimal(160), "market_cap_usd": Decimal(320)}, "0.75"),
        ({"market_cap_usd": Decimal(206)}, "1"),
        ({"market_cap_usd": Decimal(207)}, "0.75"),
        ({"total_supply": None, "max_supply": None}, "1"),
        ({"circulating_supply": Decimal(0), "market_cap_usd": Decimal(5)}, "1"),
    ],
)
def test_integrity_is_the_share_of_rules_that_hold(changes: dict[str, Any], expected: str) -> None:
    assert integrity(figures(**changes)) == Decimal(expected)


def test_tiers_begin_at_their_borders() -> None:
    assert [tier_of(Decimal(text)) for text in ("0.9", "0.899999", "0.7", "0.699999")] == [
        "High", "Medium", "Medium", "Low",
    ]  # fmt: skip
