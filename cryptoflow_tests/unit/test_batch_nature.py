"""Whole answers by example: what jumps in unit is refused, what is odd is told, and markets may move as they like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from cryptoflow.refine.batch_nature import judge_batch
from cryptoflow.refine.batch_samples import CURES, FIGURES, LEAST_ROWS, Judgement

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
    fetched_at: datetime = NOW - timedelta(seconds=30)
    payload_sha256: bytes = b"before"
    price_usd: Decimal = Decimal(10)
    volume_24h_usd: Decimal | None = Decimal(499)
    market_cap_usd: Decimal | None = None
    missing: frozenset[str] | None = frozenset()
    unchanged_times: int = 0


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
    return [finding.nature for finding in (*judgement.refused.values(), *judgement.findings)]


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
    assert f"by a factor of {shown} at once" in judgement.refused[b"one"].what
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
    assert judged(rows, before=stood(factor=Decimal(1000), observed_at=NOW + MINUTE)).refused == {}
    assert judged(rows, before=stood(factor=Decimal(1000), observed_at=NOW + timedelta(days=900))).refused == {}


def test_a_price_that_does_not_fit_its_own_market_cap_is_another_unit_without_any_reference() -> None:
    rows = [replace(row, price_usd=row.price_usd and row.price_usd * 1000) for row in batch()]
    judgement = judged(rows, before={})
    assert natures(judgement) == ["unit_jump"]
    assert "1000 times what their own market caps" in judgement.refused[b"one"].what


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


def test_a_figure_that_most_assets_lost_refuses_the_answer() -> None:
    judgement = judged(batch(total_supply=None))
    assert natures(judgement) == ["field_vanished"]
    assert judgement.refused[b"one"].what == "total_supply is missing from 40 of 40 assets that had it before"
    rows = batch()
    half = [replace(row, total_supply=None) for row in rows[:20]]
    assert "missing from 20 of 40" in judged([*half, *rows[20:]]).refused[b"one"].what
    assert judged([*half[1:], *rows[20:]]).refused == {}, "less than half come and go"


def test_a_figure_that_was_missing_before_is_no_news() -> None:
    lacked = {number: replace(one, missing=frozenset({"total_supply"})) for number, one in stood().items()}
    assert judged(batch(total_supply=None), before=lacked) == Judgement(refused={}, findings=())


def test_a_figure_that_nobody_knows_to_have_been_there_is_told_when_no_row_has_it() -> None:
    for before in ({}, {number: replace(one, missing=None) for number, one in stood().items()}):
        judgement = judged(batch(total_supply=None), before=before)
        assert judgement.refused == {}
        assert [(one.nature, one.what) for one in judgement.findings] == [
            ("field_vanished", "total_supply is missing from each of 40 rows")
        ]
    rows = batch(total_supply=None)
    assert judged([*rows[1:], replace(rows[0], total_supply=Decimal(1))], before={}).findings == ()


def test_an_older_answer_is_not_held_against_what_came_to_be_known_later() -> None:
    later = {number: replace(one, observed_at=NOW + MINUTE) for number, one in stood().items()}
    assert judged(batch(total_supply=None), before=later).refused == {}
    long_ago = stood(observed_at=NOW - timedelta(hours=37))
    assert judged(batch(total_supply=None), before=long_ago).refused == {}


@pytest.mark.parametrize(
    ("observed_at", "unit"),
    [
        (datetime(1970, 1, 21, 16, 0, tzinfo=UTC), "seconds were sent where milliseconds are due"),
        (NOW - timedelta(days=3), "another unit, or a clock that is far off"),
        (NOW + timedelta(days=3), "another unit, or a clock that is far off"),
    ],
)
def test_times_that_are_days_away_are_another_unit(observed_at: datetime, unit: str) -> None:
    judgement = judged(batch(observed_at=observed_at))
    assert natures(judgement) == ["time_jump"]
    assert judgement.refused[b"one"].what.endswith(unit)
    assert f"around {observed_at:%Y-%m-%d %H:%M} UTC" in judgement.refused[b"one"].what


def test_a_clock_that_was_always_far_off_is_no_change() -> None:
    rows = batch(observed_at=NOW - timedelta(days=900))
    always = {
        number: replace(one, observed_at=NOW - timedelta(days=900), payload_sha256=b"one")
        for number, one in stood().items()
    }
    assert judged(rows, before=always).refused == {}
    assert natures(judged(rows, before={})) == ["clock_behind"]


@pytest.mark.parametrize("before", [NOW - timedelta(days=3), NOW + timedelta(days=3)])
def test_a_clock_that_was_set_right_is_no_change_for_the_worse(before: datetime) -> None:
    wrong = {number: replace(one, observed_at=before) for number, one in stood().items()}
    assert judged(batch(), before=wrong).refused == {}
    # A step back towards our clock that does not reach it, either.
    assert judged(batch(observed_at=NOW + (before - NOW) / 2), before=wrong).refused == {}


def test_times_in_milliseconds_of_an_early_clock_are_named_so() -> None:
    early = datetime(1971, 6, 1, tzinfo=UTC)
    rows = batch(fetched_at=early, observed_at=datetime.fromtimestamp(early.timestamp() * 1000, UTC))
    assert judged(rows, before={}).refused[b"one"].what.endswith("milliseconds were sent where seconds are due")


def test_an_answer_that_lost_half_of_the_assets_in_its_ranks_is_refused() -> None:
    def of(came: int, there: int | None) -> dict[bytes, object]:
        asked = {} if there is None else {b"one": there}
        return dict(judge_batch(batch(came), before=stood(), elsewhere={}, stood_there=asked).refused)

    assert of(20, 40) != {}
    assert of(21, 40) == {}
    assert of(9, LEAST_ROWS - 1) == {}
    assert of(20, None) == {}
    finding = judge_batch(batch(5), before=stood(), elsewhere={}, stood_there={b"one": 250}).refused[b"one"]
    assert (finding.nature, finding.what) == ("rows_fell", "5 rows came for ranks in which 250 assets stood before")


def still(times: int, count: int = 40) -> dict[int, Stands]:
    return {
        number: replace(one, volume_24h_usd=Decimal(500), unchanged_times=times) for number, one in stood(count).items()
    }


def test_figures_that_come_a_third_time_are_refused_and_no_sooner() -> None:
    for times, is_refused in ((0, False), (1, False), (2, True)):
        judgement = judged(batch(), before=still(times))
        assert natures(judgement) == ["frozen_values"]
        assert (b"one" in judgement.refused) == is_refused
    assert "as in the 2 answers before" in judged(batch(), before=still(2)).refused[b"one"].what


def test_assets_that_nobody_trades_do_not_make_an_answer_frozen() -> None:
    assert judged(batch(), before=still(3)) == Judgement(refused={}, findings=())
    living = {**still(50), **{number: stood()[number] for number in range(4)}}
    assert judged(batch(), before=living) == Judgement(refused={}, findings=())


def test_half_of_what_stands_told_otherwise_is_a_restatement() -> None:
    now = {number: replace(one, observed_at=NOW, fetched_at=NOW) for number, one in stood().items()}
    judgement = judged(batch(), before=now)
    assert natures(judgement) == ["restated"]
    assert judgement.refused[b"one"].what == (
        "40 of 40 assets are told otherwise for an instant that is stored already; asset 0 at 2026-11-01 12:00:00 UTC, "
        "price and volume: from 1 and 499 to 1 and 500"
    )
    same = {number: replace(one, volume_24h_usd=Decimal(500)) for number, one in now.items()}
    few = {**same, **{number: now[number] for number in range(19)}}
    assert judged(batch(), before=few).refused == {}
    again = {number: replace(one, payload_sha256=b"one") for number, one in now.items()}
    assert judged(batch(), before=again).refused == {}, "the same answer read by a better reader"


def test_volumes_in_another_unit_are_a_jump_too() -> None:
    judgement = judged(batch(volume_24h_usd=Decimal(500_000)))
    assert "the volumes of most of 40 known assets moved by a factor of 1000 at once" in judgement.refused[b"one"].what
    assert judgement.refused[b"one"].what.endswith("one of them went from 499 to 500000")


def test_what_was_believed_of_price_and_market_cap_is_believed_again_though_they_do_not_fit() -> None:
    rows = [replace(row, price_usd=row.price_usd and row.price_usd * 1000) for row in batch()]
    stands = {
        row.asset_id: Stands(price_usd=row.price_usd or Decimal(1), market_cap_usd=row.market_cap_usd) for row in rows
    }
    assert judged(rows, before=stands).refused == {}
    small = {number: replace(one, market_cap_usd=Decimal(1)) for number, one in stands.items()}
    uneven = judged([replace(row, market_cap_usd=Decimal(70)) for row in rows], before=small)
    assert "the market caps of most of 40 known assets moved by a factor of 70" in uneven.refused[b"one"].what


def test_whoever_waits_has_a_cure_and_every_figure_is_one_of_a_row() -> None:
    assert set(CURES) == {"unit_jump", "time_jump", "rows_fell", "field_vanished", "frozen_values", "restated"}
    assert all(hasattr(batch()[0], name) for name in FIGURES)


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
