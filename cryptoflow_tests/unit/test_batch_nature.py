"""Whole answers by example: what jumps in unit is refused, what is odd is told, and markets may move as they like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from cryptoflow.refine.batch_nature import LEAST_ROWS, Judgement, judge_batch

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class Row:
    asset_id: int
    observed_at: datetime | None = NOW
    fetched_at: datetime = NOW + timedelta(seconds=30)
    price_usd: Decimal | None = Decimal(10)
    volume_24h_usd: Decimal | None = Decimal(500)
    market_cap_usd: Decimal | None = None
    circulating_supply: Decimal | None = Decimal(100)
    total_supply: Decimal | None = Decimal(100)
    max_supply: Decimal | None = Decimal(100)
    market_cap_rank: int | None = 1
    fully_diluted_valuation_usd: Decimal | None = Decimal(1000)
    price_change_1h_percent: Decimal | None = Decimal(1)
    price_change_24h_percent: Decimal | None = Decimal(1)
    price_change_7d_percent: Decimal | None = Decimal(1)
    payload_sha256: bytes = b"one"


@dataclass(frozen=True, kw_only=True)
class Stands:
    observed_at: datetime = NOW - MINUTE
    price_usd: Decimal = Decimal(10)
    volume_24h_usd: Decimal | None = Decimal(499)


def batch(count: int = 40, **fields: object) -> list[Row]:
    """Rows with a price of their own each, whose market cap fits it."""
    rows = [Row(asset_id=number, price_usd=Decimal(number + 1)) for number in range(count)]
    rows = [replace(row, market_cap_usd=(row.price_usd or Decimal(0)) * 100) for row in rows]
    return [replace(row, **fields) for row in rows]  # type: ignore[arg-type]


def stood(count: int = 40, *, factor: Decimal = Decimal(1), observed_at: datetime = NOW - MINUTE) -> dict[int, Stands]:
    return {number: Stands(price_usd=Decimal(number + 1) * factor, observed_at=observed_at) for number in range(count)}


def times(rows: list[Row], factor: object) -> list[Row]:
    """Prices and market caps in another unit."""
    return [
        replace(
            row,
            price_usd=row.price_usd and row.price_usd * Decimal(str(factor)),
            market_cap_usd=row.market_cap_usd and row.market_cap_usd * Decimal(str(factor)),
        )
        for row in rows
    ]


def natures(judgement: Judgement) -> list[str]:
    return [finding.nature for finding in judgement.findings]


def judged(
    rows: list[Row], *, before: dict[int, Stands] | None = None, elsewhere: dict[int, Stands] | None = None
) -> Judgement:
    return judge_batch(rows, before=stood() if before is None else before, elsewhere=elsewhere or {})


def test_a_sound_answer_has_nothing_to_tell() -> None:
    assert judged(batch()) == Judgement(refused={}, findings=())
    assert judged([]) == Judgement(refused={}, findings=())
    assert judged(batch(), before={}) == Judgement(refused={}, findings=())


@pytest.mark.parametrize(
    ("factor", "shown"),
    [(1000, "1000"), ("1003.7", "1000"), ("0.0009996", "1/1000"), (50, "50"), ("0.02", "1/50"), (10**8, "100000000")],
)
def test_most_prices_by_one_factor_are_another_unit(factor: object, shown: str) -> None:
    judgement = judged(times(batch(), factor))
    assert list(judgement.refused) == [b"one"]
    assert f"by a factor of {shown} at once" in judgement.refused[b"one"]
    assert natures(judgement) == ["unit_jump"]


@pytest.mark.parametrize("factor", [49, "0.021", 2, "0.5"])
def test_less_than_fifty_times_is_the_market(factor: object) -> None:
    assert judged(times(batch(), factor)).refused == {}


def test_a_few_that_jump_are_their_own_business() -> None:
    rows = batch()
    assert judged([*times(rows[:19], 1000), *rows[19:]]).refused == {}


def test_jumps_by_all_sorts_of_factors_are_no_unit() -> None:
    rows = [one for row in batch() for one in times([row], 60 * (row.asset_id + 1) ** 2)]
    assert judged(rows).refused == {}


def test_too_few_known_assets_say_nothing() -> None:
    assert judged(times(batch(LEAST_ROWS - 1), 1000)).refused == {}
    assert judged(times(batch(LEAST_ROWS), 1000)).refused != {}


def test_each_answer_is_judged_by_itself() -> None:
    rows = batch()
    jumped = [replace(row, payload_sha256=b"two") for row in times(rows[20:], 1000)]
    assert list(judged([*rows[:20], *jumped]).refused) == [b"two"]


def test_a_reference_that_is_old_or_that_another_provider_contradicts_condemns_nobody() -> None:
    rows = batch()
    wrong = stood(factor=Decimal(1000))
    assert judged(rows, before=wrong).refused != {}
    assert judged(rows, before=wrong, elsewhere=stood()).refused == {}
    assert judged(rows, before=wrong, elsewhere=stood(factor=Decimal(1000))).refused != {}
    assert judged(rows, before=stood(factor=Decimal(1000), observed_at=NOW - timedelta(hours=37))).refused == {}
    # Also when the rows are older than what stands, as recorded answers are.
    assert judged(rows, before=stood(factor=Decimal(1000), observed_at=NOW + timedelta(days=900))).refused == {}


def test_a_price_that_does_not_fit_its_own_market_cap_is_another_unit_without_any_reference() -> None:
    rows = [replace(row, price_usd=row.price_usd and row.price_usd * 1000) for row in batch()]
    judgement = judged(rows, before={})
    assert natures(judgement) == ["unit_jump"]
    assert "1000 times what their own market caps" in judgement.refused[b"one"]


def test_figures_that_stand_still_while_times_move_are_frozen() -> None:
    same = {number: replace(one, volume_24h_usd=Decimal(500)) for number, one in stood().items()}
    assert natures(judged(batch(), before=same)) == ["frozen_values"]
    assert natures(judged(batch(observed_at=NOW - MINUTE), before=same)) == [], "the same sample again is no news"
    some = {number: one for number, one in same.items() if number < 30} | {
        number: stood()[number] for number in range(30, 40)
    }
    assert natures(judged(batch(), before=some)) == []


@pytest.mark.parametrize(
    ("shift", "nature"),
    [
        (timedelta(minutes=16), ["clock_behind"]),
        (timedelta(minutes=14), []),
        (-timedelta(seconds=20), []),
        (-timedelta(minutes=5), ["clock_ahead"]),
    ],
)
def test_times_far_from_ours(shift: timedelta, nature: list[str]) -> None:
    assert natures(judged(batch(observed_at=NOW + timedelta(seconds=30) - shift), before={})) == nature


def test_a_field_that_is_missing_from_every_row_has_vanished() -> None:
    judgement = judged(batch(total_supply=None))
    assert [(one.nature, one.what) for one in judgement.findings] == [
        ("field_vanished", "total_supply is missing from each of 40 rows")
    ]
    rows = batch(total_supply=None)
    assert judged([*rows[1:], replace(rows[0], total_supply=Decimal(1))]).findings == ()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda row: replace(row, price_usd=None),
        lambda row: replace(row, price_usd=Decimal(0)),
        lambda row: replace(row, price_usd=Decimal("NaN")),
        lambda row: replace(row, price_usd=Decimal("-Infinity")),
        lambda row: replace(row, price_usd=Decimal("1E-90"), market_cap_usd=Decimal("1E+90")),
        lambda row: replace(row, observed_at=None),
    ],
)
def test_no_row_however_odd_is_an_error(spoil: Callable[[Row], Row]) -> None:
    judged([spoil(row) for row in batch()])
