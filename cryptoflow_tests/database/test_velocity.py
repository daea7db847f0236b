"""Velocity in the warehouse: its figures, what a correction moves, what stays when minutes go, its explanation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest

from cryptoflow.collect.rebuild import catch_up
from cryptoflow.errors import UsageError
from cryptoflow.warehouse import velocity as velocity_module
from cryptoflow.warehouse.corrections import corrections_since
from cryptoflow.warehouse.explaining_velocity import explain_velocity
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.snapshots import Snapshot
from cryptoflow_tests.closes_model import expected_closes, rows, sample, store
from cryptoflow_tests.velocity_model import differences, expected_velocity

NOON = datetime(2026, 3, 4, 12, 0, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def turned(at: datetime, volume: str | None, cap: str | None = "1000", **changes: object) -> Snapshot:
    return sample(
        at,
        volume_24h_usd=None if volume is None else Decimal(volume),
        market_cap_usd=None if cap is None else Decimal(cap),
        **changes,
    )


def named(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO market.assets (slug, symbol, name, is_active, provenance, first_seen_at, last_seen_at)"
            " VALUES ('bitcoin', 'BTC', 'Bitcoin', true, '{}', now(), now())"
        )


def latest(database_url: str, columns: str) -> tuple[object, ...]:
    (row,) = rows(database_url, f"SELECT {columns} FROM market.velocity ORDER BY bucket DESC LIMIT 1")
    return row


def test_the_highest_velocity_fits_with_all_its_digits(database_url: str) -> None:
    store(database_url, turned(NOON, "1e30", "0.000001"), turned(NOON, "25", "850", asset_id=2))
    assert rows(database_url, "SELECT velocity::text FROM market.velocity ORDER BY asset_id") == [
        ("100",),
        ("0.02941176",),
    ]


@pytest.mark.parametrize(
    ("volume", "cap", "stored", "reason"),
    [("5", None, Decimal(0), "no_market_cap"), ("5", "0", Decimal(0), "no_market_cap"), (None, "7", None, "no_volume")],
)
def test_what_is_not_known_carries_its_reason_and_is_null_to_readers(
    database_url: str, volume: str | None, cap: str | None, stored: Decimal | None, reason: str
) -> None:
    named(database_url)
    store(database_url, turned(NOON, volume, cap))
    assert rows(database_url, "SELECT velocity, unavailable ->> 'velocity' FROM market.velocity") == [(stored, reason)]
    assert rows(database_url, "SELECT velocity, turnover_24h FROM analytics.velocity") == [(None, None)]
    assert rows(database_url, "SELECT velocity FROM analytics.token_metrics") == [(None,)]


def test_every_window_week_and_trend_is_there_when_its_readings_are(database_url: str) -> None:
    history = [turned(NOON - day * DAY, f"{(day + 1) * 10}") for day in range(1, 7)]
    history += [turned(NOON - DAY + step * 5 * MINUTE, f"{step % 7 + 1}") for step in range(1, 289)]
    store(database_url, *history)
    assert differences(database_url, expected_velocity(expected_closes(history))) == {}
    assert latest(database_url, "unavailable, held_24h_seconds, trend") == ({}, 86_400, "decreasing")


def test_a_correction_of_a_minute_moves_windows_of_a_day_and_the_week(database_url: str) -> None:
    named(database_url)
    history = [turned(NOON + day * DAY + step * MINUTE, "10") for day in range(8) for step in range(45)]
    store(database_url, *history)
    before = latest(database_url, "clock_timestamp()")[0]
    correction = turned(NOON + 44 * MINUTE, "990", fetched_at=NOON + 9 * DAY)
    moved = store(database_url, correction).moved
    expected = expected_velocity(expected_closes([*history, correction]))
    assert differences(database_url, expected) == {}
    changed = {bucket for (bucket,) in rows(database_url, "SELECT bucket FROM market.velocity_revisions")}
    minute = NOON.replace(second=0) + 44 * MINUTE
    assert minute in changed
    assert minute + 6 * DAY in changed, "the week that the minute is a part of"
    assert minute + 7 * DAY not in changed
    assert moved == len(changed)
    as_of = "SELECT velocity FROM analytics.velocity_as_of(%s) WHERE bucket = %s"
    assert rows(database_url, as_of, before, minute) == [(Decimal("0.01"),)]
    assert rows(database_url, as_of, datetime.now(UTC) + HOUR, minute) == [(Decimal("0.99"),)]
    with transaction(database_url) as connection:
        told = [one for one in corrections_since(connection, before) if one.table == "market.velocity"]
    assert {one.at for one in told} == changed
    assert (told[0].figure, told[0].old_value, told[0].new_value) == ("velocity", Decimal("0.01"), Decimal("0.99"))


def test_a_late_minute_is_followed_at_once_where_few_hours_follow_and_after_the_write_where_many_do(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = [turned(NOON + step * 10 * MINUTE, f"{step + 1}") for step in range(60)]
    store(database_url, *history)
    monkeypatch.setattr(velocity_module, "HOURS_PER_WRITE", 2)
    few = turned(NOON + 565 * MINUTE, "7")
    assert store(database_url, few).moved > 0
    assert differences(database_url, expected_velocity(expected_closes([*history, few]))) == {}
    many = turned(NOON + 5 * MINUTE, "500")
    assert store(database_url, many).moved == 0
    ((waiting,),) = rows(database_url, "SELECT count(*) FROM ops.dirty_buckets WHERE grain = 'velocity'")
    assert waiting == 10
    # A tick meanwhile does not build upon rows that are about to change; what follows from it alone is there with it.
    tick = turned(NOON + 606 * MINUTE, "8")
    assert store(database_url, tick).moved == 1
    done = catch_up(database_url)
    assert (done.built, done.left) == (waiting, 0)
    assert differences(database_url, expected_velocity(expected_closes([*history, few, many, tick]))) == {}


def test_minutes_that_look_back_on_a_day_let_go_keep_what_was_computed(database_url: str) -> None:
    history = [turned(NOON + step * 10 * MINUTE, "10") for step in range(200)]
    store(database_url, *history)
    midnight = NOON.replace(hour=0, second=0) + DAY
    kept = "SELECT bucket, velocity_24h FROM market.velocity WHERE bucket >= %s AND velocity <> 1 ORDER BY 1"
    before = rows(database_url, kept, midnight)
    with psycopg.connect(database_url) as connection:
        for table in ("market.minute_close", "market.velocity"):
            connection.execute(f"DROP TABLE {table}_y2026m03d04")
    store(database_url, turned(midnight + 5 * MINUTE, "1000"))
    after = dict(rows(database_url, kept, midnight))
    standing = {bucket: mean for bucket, mean in before if bucket < midnight + 12 * HOUR}
    assert standing
    assert {bucket: after[bucket] for bucket in standing} == standing


def test_the_explanation_computes_each_figure_once_more_from_its_inputs(database_url: str) -> None:
    named(database_url)
    history = [turned(NOON + step * 5 * MINUTE, f"{step % 5 + 1}") for step in range(60)]
    store(database_url, *history)
    at = NOON + 59 * 5 * MINUTE
    with transaction(database_url) as connection:
        told = explain_velocity(connection, slug="bitcoin", instant=at)
    figures = {one.figure: one for one in told.figures}
    assert all(one.agrees for one in told.figures)
    assert figures["velocity"].stored == Decimal("0.005")
    assert figures["velocity_1h"].stored is not None
    assert (figures["velocity_12h"].stored, figures["velocity_12h"].unavailable) == (None, "below_window")
    assert (len(told.readings), told.status) == (60, "final")
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE market.velocity SET velocity_1h = 7 WHERE bucket = %s", (told.bucket,))
    with transaction(database_url) as connection:
        told = explain_velocity(connection, slug="bitcoin", instant=at)
    assert [one.figure for one in told.figures if not one.agrees] == ["velocity_1h"]


def test_a_minute_without_velocity_is_told_with_its_slots(database_url: str) -> None:
    named(database_url)
    with (
        transaction(database_url) as connection,
        pytest.raises(UsageError, match="has no velocity at 2026-03-04 12:00"),
    ):
        explain_velocity(connection, slug="bitcoin", instant=NOON)
