"""An answer that changed its nature is kept out whole and waits; released, it comes in through the same path."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cryptoflow.collect.releasing import (
    NotReleasable,
    StillBroken,
    all_alike,
    discard,
    release,
)
from cryptoflow.collect.replay import replay_snapshots
from cryptoflow.collect.replay_raw import rebuild_from_raw
from cryptoflow.collect.snapshot_questions import Figures, SnapshotAnswer
from cryptoflow.collect.snapshots import Stored, store_answers
from cryptoflow.errors import UsageError
from cryptoflow.ops.quarantine import look_at_quarantine
from cryptoflow.refine.identity import Listing
from cryptoflow.runtime.home import Endpoints
from cryptoflow.settings import load_settings
from cryptoflow.sources.ledger import ProviderCall, RawAnswer
from cryptoflow.warehouse.forgetting import forget_expired
from cryptoflow.warehouse.payloads import PostgresPayloads
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.quarantine import RefusedRow, quarantine
from cryptoflow.warehouse.quarantine_decisions import AlreadyDecided, Decision
from cryptoflow.warehouse.slots import AskedRanks
from cryptoflow.warehouse.snapshots import Snapshot
from cryptoflow.warehouse.usage import PostgresLedger
from cryptoflow_tests.closes_model import rows, sample, store
from cryptoflow_tests.database.recorded_market import NOON, written
from cryptoflow_tests.database.sentinel_market import COINS, MINUTE, answer, market

YES = Decision(state="released", by="ada@here", reason="the provider says so too")
NO = Decision(state="discarded", by="ada@here", reason="another unit")
WAITING = "SELECT 'b' || batch_id, rule, row_count, times_seen, state FROM ops.quarantine_batches ORDER BY batch_id"
STORED = "SELECT count(*) FROM raw.market_snapshots WHERE slot = %s"


def slot_of(minute: int) -> datetime:
    return (NOON + minute * MINUTE).replace(second=0)


def stored_in(url: str, minute: int) -> int:
    return int(rows(url, STORED, slot_of(minute))[0][0])


def slot(url: str, minute: int) -> tuple[Any, ...]:
    columns = "state, reason, assets_expected, assets_observed, assets_refused"
    (found,) = rows(url, f"SELECT {columns} FROM ops.slots WHERE slot = %s", slot_of(minute))
    return found


def let_in(url: str, *names: str) -> list[Any]:
    return list(release(url, names, decision=YES))


@pytest.fixture
def jumped(database_url: str, tmp_path: Path) -> str:
    """A sound minute, and one whose prices are a thousand times larger, which waits as b1."""
    answer(database_url, tmp_path, market(0), 0)
    answer(database_url, tmp_path, market(1, factor=1000), 1)
    return database_url


def test_an_answer_in_another_unit_waits_whole_as_one(jumped: str) -> None:
    assert rows(jumped, WAITING) == [("b1", "unit_jump", COINS, 1, "waiting")]
    assert stored_in(jumped, 1) == 0
    assert rows(jumped, "SELECT count(*) FROM ops.quarantine") == [(0,)]
    assert slot(jumped, 1)[:2] == (
        "feed_down",
        f"No row of the answer could be stored; {COINS} were refused (unit_jump {COINS}).",
    )
    ((reason, sha256, run, fetched_at),) = rows(
        jumped, "SELECT reason, payload_sha256, run_id, fetched_at FROM ops.quarantine_batches"
    )
    assert "moved by a factor of 1000 at once" in reason
    assert "one of them went from " in reason
    assert PostgresPayloads(jumped).read(sha256).startswith(b"[{")
    assert (run, fetched_at) == (None, NOON + MINUTE + timedelta(seconds=20))


def test_a_released_answer_is_stored_closed_and_rolled_up_in_its_own_slot(jumped: str) -> None:
    (done,) = let_in(jumped, "b1")
    assert (done.rows, done.stored, done.minutes, done.refused) == (COINS, COINS, COINS, {})
    assert stored_in(jumped, 1) == COINS
    assert slot(jumped, 1) == ("observed", None, COINS, COINS, 0)
    top = "SELECT max(price_usd)::text FROM market.hourly_close"
    assert rows(jumped, top) == [("30001.000",)]
    ((state, by, why, at),) = rows(
        jumped, "SELECT state, decided_by, decision_reason, decided_at FROM ops.quarantine_batches"
    )
    assert (state, by, why) == ("released", "ada@here", "the provider says so too")
    assert datetime.now(UTC) - at < timedelta(minutes=5)


def test_what_is_released_is_the_past_of_the_next(jumped: str, tmp_path: Path) -> None:
    let_in(jumped, "b1")
    assert answer(jumped, tmp_path, market(2, factor=1000), 2).refused == 0
    assert stored_in(jumped, 2) == COINS
    # And what comes back is then what jumps.
    assert answer(jumped, tmp_path, market(3), 3).refused == COINS


def test_values_that_come_back_need_no_decision(jumped: str, tmp_path: Path) -> None:
    assert answer(jumped, tmp_path, market(2), 2).refused == 0
    assert rows(jumped, WAITING) == [("b1", "unit_jump", COINS, 1, "waiting")]


def test_the_same_answer_again_is_counted_and_a_decision_stands(jumped: str, tmp_path: Path) -> None:
    answer(jumped, tmp_path, market(1, factor=1000), 1)
    assert rows(jumped, WAITING) == [("b1", "unit_jump", COINS, 2, "waiting")]
    discard(jumped, ["b1"], decision=NO)
    answer(jumped, tmp_path, market(1, factor=1000), 1)
    assert rows(jumped, WAITING) == [("b1", "unit_jump", COINS, 3, "discarded")]
    assert stored_in(jumped, 1) == 0


def test_a_discarded_answer_stays_out_when_its_verdict_would_be_another(jumped: str, tmp_path: Path) -> None:
    discard(jumped, ["b1"], decision=NO)
    rows(jumped, "DELETE FROM ops.last_samples RETURNING 1")
    assert answer(jumped, tmp_path, market(1, factor=1000), 1).refused == COINS
    assert stored_in(jumped, 1) == 0
    ((by, why),) = rows(jumped, "SELECT decided_by, decision_reason FROM ops.quarantine_batches")
    assert (by, why) == ("ada@here", "another unit")


def test_a_released_answer_comes_back_when_the_table_is_rebuilt(jumped: str) -> None:
    let_in(jumped, "b1")
    rows(jumped, "DELETE FROM raw.market_snapshots RETURNING 1")
    list(rebuild_from_raw(jumped, provider="coingecko", endpoint="coins/markets", start=None, until=None))
    assert (stored_in(jumped, 0), stored_in(jumped, 1)) == (COINS, COINS)
    assert rows(jumped, WAITING) == [("b1", "unit_jump", COINS, 1, "released")]


def test_hard_rules_hold_whatever_is_released(database_url: str, tmp_path: Path) -> None:
    answer(database_url, tmp_path, market(0), 0)
    spoiled = market(1, factor=1000)
    spoiled[0]["current_price"] = -5
    spoiled[1] = {"id": "nameless"}
    answer(database_url, tmp_path, spoiled, 1)
    (done,) = let_in(database_url, "b1")
    assert (done.stored, done.refused) == (COINS - 2, {"decodes": 1, "price_usd": 1})
    assert rows(database_url, "SELECT rule FROM ops.quarantine ORDER BY 1") == [("decodes",), ("price_usd",)]
    assert slot(database_url, 1)[0] == "observed"
    assert slot(database_url, 1)[3] == COINS - 2


@pytest.mark.parametrize(
    ("rule", "changed", "says"),
    [
        ("field_vanished", {"max_supply": None}, "max_supply is missing from 30 of 30 assets that had it before"),
        ("unit_jump", {"total_volume": 5_000_000}, "the volumes of most of 30 known assets moved by a factor of 1000"),
        ("time_jump", {"last_updated": "1970-01-20T12:00:00Z"}, "seconds were sent where milliseconds are due"),
    ],
)
def test_each_change_of_nature_waits_is_told_and_is_taken_once_released(
    database_url: str, tmp_path: Path, rule: str, changed: dict[str, object], says: str
) -> None:
    answer(database_url, tmp_path, market(0), 0)
    answer(database_url, tmp_path, market(1, **changed), 1)
    ((name, found, *_),) = rows(database_url, WAITING)
    assert (name, found) == ("b1", rule)
    ((reason,),) = rows(database_url, "SELECT reason FROM ops.quarantine_batches")
    assert says in reason
    assert let_in(database_url, "b1")[0].stored == COINS
    if rule == "field_vanished":
        assert answer(database_url, tmp_path, market(2, **changed), 2).refused == 0


def test_figures_that_stand_still_are_told_twice_and_then_wait(database_url: str, tmp_path: Path) -> None:
    def same(minute: int) -> list[dict[str, object]]:
        return [row | {"last_updated": (NOON + minute * MINUTE).isoformat()} for row in market(0)]

    answer(database_url, tmp_path, same(0), 0)
    for minute in (1, 2):
        assert answer(database_url, tmp_path, same(minute), minute).refused == 0
    assert rows(database_url, "SELECT DISTINCT unchanged_times FROM ops.last_samples") == [(2,)]
    for minute in (3, 4):
        assert answer(database_url, tmp_path, same(minute), minute).refused == COINS
    assert [row[1] for row in rows(database_url, WAITING)] == ["frozen_values", "frozen_values"]
    # A market that moves again is taken at once; so is one that stands still, once somebody said that it does.
    let_in(database_url, "b1")
    assert answer(database_url, tmp_path, same(5), 5).refused == 0
    assert answer(database_url, tmp_path, market(6), 6).refused == 0
    assert rows(database_url, "SELECT DISTINCT unchanged_times FROM ops.last_samples") == [(0,)]


def test_what_stands_told_otherwise_waits_and_keeps_the_old_figures_when_released(
    database_url: str, tmp_path: Path
) -> None:
    answer(database_url, tmp_path, market(0), 0)
    restated = [row | {"total_volume": 4_000} for row in market(0)]
    answer(database_url, tmp_path, restated, 0, fetched_at=NOON + timedelta(seconds=50))
    assert [row[1] for row in rows(database_url, WAITING)] == ["restated"]
    assert let_in(database_url, "b1")[0].stored == COINS
    volumes = "SELECT DISTINCT volume_24h_usd::text FROM raw.market_snapshots"
    assert rows(database_url, volumes) == [("4000",)]
    assert rows(database_url, f"{volumes}_revisions") == [("5000",)]


def test_a_page_that_waits_costs_only_its_own_assets_and_fills_its_slot_when_released(
    database_url: str, tmp_path: Path
) -> None:
    answer(database_url, tmp_path, market(0, count=60), 0)
    both = market(1, count=60)
    pages = [both[:30], [row | {"total_volume": 5_000_000} for row in both[30:]]]
    replay_snapshots(
        database_url,
        [written(tmp_path / f"page-{number}.json", page) for number, page in enumerate(pages)],
        provider="coingecko",
        endpoint="coins/markets",
        fetched_at=NOON + MINUTE + timedelta(seconds=20),
        world="real",
    )
    assert slot(database_url, 1) == ("observed", None, 60, 30, 30)
    missing = "SELECT state, reason, count(*) FROM ops.slot_exceptions GROUP BY 1, 2"
    assert rows(database_url, missing) == [("feed_down", "Its row was refused: unit_jump.", 30)]
    let_in(database_url, "b1")
    assert slot(database_url, 1) == ("observed", None, 60, 60, 0)
    assert rows(database_url, missing) == []


def figures(snapshot: Snapshot, number: int) -> Figures:
    key = f"coin-{number}"
    names = [name for name in Figures.__struct_fields__ if name != "listing"]
    said = {name: getattr(snapshot, name) for name in names}
    return Figures(listing=Listing(key=key, slug=key, symbol=key, name=key), **said)


def tick(url: str, minute: int, numbers: Sequence[int], *, asked: int) -> Stored:
    """An answer with these ranks, to a call that asked for the first ranks."""
    at = NOON + minute * MINUTE
    found = [
        figures(
            msgspec.structs.replace(
                sample(at, str(number + minute / 1000), volume_24h_usd=None, market_cap_usd=None),
                market_cap_rank=number,
            ),
            number,
        )
        for number in numbers
    ]
    ranks = AskedRanks(
        first_rank=1,
        last_rank=asked,
        state="source_has_none",
        reason="not there",
        payload_sha256=found[0].payload_sha256,
    )
    given = SnapshotAnswer(figures=found, refused=[], details={}, asked=[ranks])
    with transaction(url) as connection:
        return store_answers(connection, [("coingecko", given)], slot=slot_of(minute), run_id=None)


def test_an_answer_that_lost_most_of_its_rows_waits_but_one_that_was_asked_for_less_does_not(database_url: str) -> None:
    tick(database_url, 0, range(1, 61), asked=60)
    assert tick(database_url, 1, range(1, 26), asked=25).refused == 0
    assert tick(database_url, 2, range(1, 26), asked=60).refused == 25
    ((reason,),) = rows(database_url, "SELECT reason FROM ops.quarantine_batches")
    assert reason == "25 rows came for ranks in which 60 assets stood before"


def test_nothing_is_held_against_samples_from_before_this_was_known(database_url: str, tmp_path: Path) -> None:
    answer(database_url, tmp_path, market(0), 0)
    rows(database_url, "UPDATE ops.last_samples SET missing = NULL RETURNING 1")
    assert answer(database_url, tmp_path, market(1, max_supply=None), 1).refused == 0


# Deciding


def test_only_what_waits_can_be_decided_and_all_or_nothing_is(jumped: str) -> None:
    with pytest.raises(UsageError, match="There is no b99 in quarantine"):
        let_in(jumped, "b1", "b99")
    with pytest.raises(UsageError, match="'x1' names nothing in quarantine"):
        discard(jumped, ["x1"], decision=NO)
    assert [row[-1] for row in rows(jumped, WAITING)] == ["waiting"]
    let_in(jumped, "B1")
    with pytest.raises(AlreadyDecided, match=r"b1 was released at .* UTC by ada@here: the provider says so too\."):
        let_in(jumped, "b1")
    with pytest.raises(AlreadyDecided):
        discard(jumped, ["b1"], decision=NO)


def test_alike_is_all_of_the_same_kind_that_waits(jumped: str, tmp_path: Path) -> None:
    for minute in (2, 3):
        answer(jumped, tmp_path, market(minute, factor=1000), minute)
    answer(jumped, tmp_path, market(4, max_supply=None), 4)
    discard(jumped, ["b2"], decision=NO)
    assert all_alike(jumped, ["b3"]) == ["b1", "b3"]
    assert all_alike(jumped, ["b4", "b1"]) == ["b4", "b1", "b3"]
    assert [done.stored for done in let_in(jumped, *all_alike(jumped, ["b3"]))] == [COINS, COINS]
    assert (stored_in(jumped, 1), stored_in(jumped, 2), stored_in(jumped, 3)) == (COINS, 0, COINS)


def held_row(url: str, **changes: object) -> str:
    """A row that a rule of an earlier day refused, by its name."""
    row = sample(NOON, "12.30")
    values = {name: getattr(row, name) for name in row.__struct_fields__} | changes
    values["payload_sha256"] = "\\x" + row.payload_sha256.hex()
    text = json.dumps({name: None if value is None else str(value) for name, value in values.items()})
    with transaction(url) as connection:
        quarantine(
            connection,
            [
                RefusedRow(
                    dataset="raw.market_snapshots",
                    provider="coingecko",
                    rule="price_usd",
                    reason="breaks the rule price_usd of the contract",
                    row_text=text,
                )
            ],
        )
    return "r1"


def test_a_row_whose_rule_was_corrected_since_is_stored_with_every_digit(database_url: str) -> None:
    (done,) = let_in(database_url, held_row(database_url))
    assert (done.stored, done.minutes) == (1, 1)
    assert rows(database_url, "SELECT price_usd::text FROM market.minute_close") == [("12.30",)]
    decided = "SELECT state, decided_by, times_seen FROM ops.quarantine"
    assert rows(database_url, decided) == [("released", "ada@here", 1)]


def test_a_row_that_still_breaks_its_rule_is_not_released(database_url: str) -> None:
    store(database_url, sample(NOON, "-1"))
    with pytest.raises(StillBroken, match=r"r1 still breaks the rule price_usd of raw\.market_snapshots") as caught:
        let_in(database_url, "r1")
    assert "quarantine discard r1" in caught.value.cure
    found = "SELECT state, times_seen FROM ops.quarantine"
    assert rows(database_url, found) == [("waiting", 1)]
    assert rows(database_url, "SELECT count(*) FROM raw.market_snapshots") == [(0,)]
    assert discard(database_url, ["r1"], decision=NO)[0].rows == 1
    assert rows(database_url, found) == [("discarded", 1)]


def test_a_row_that_can_be_read_by_now_goes_the_way_of_its_answer(database_url: str, tmp_path: Path) -> None:
    answer(database_url, tmp_path, market(0, count=2), 0)
    ((sha256,),) = rows(database_url, "SELECT payload_sha256 FROM raw.payloads")
    with transaction(database_url) as connection:
        quarantine(connection, [unread(sha256, '{"id": "coin-2"}'), unread(sha256, '{"id": "coin-9"}')])
    with pytest.raises(NotReleasable, match="the answer that held it is past its retention"):
        let_in(database_url, "r1")
    PostgresLedger(database_url).record_call(
        ProviderCall(
            provider="coingecko",
            endpoint="coins/markets",
            started_at=NOON,
            elapsed_ms=1,
            outcome="ok",
            status=200,
            credits=1,
            attempt=1,
            payload_sha256=sha256,
            received_at=NOON + timedelta(seconds=20),
        )
    )
    rows(database_url, "DELETE FROM raw.market_snapshots RETURNING 1")
    assert let_in(database_url, "r1")[0].stored == 1
    with pytest.raises(StillBroken, match="r2 still cannot be read: no name"):
        let_in(database_url, "r2")


def unread(sha256: bytes, text: str) -> RefusedRow:
    return RefusedRow(
        dataset="raw.market_snapshots",
        provider="coingecko",
        rule="decodes",
        reason="no name",
        row_text=text,
        payload_sha256=sha256.hex(),
    )


def test_a_row_of_a_table_that_is_collected_as_a_whole_says_so(database_url: str) -> None:
    with transaction(database_url) as connection:
        quarantine(connection, [replace(unread(b"\x01" * 32, "{}"), dataset="market.assets")])
    with pytest.raises(NotReleasable, match=r"no way to store a single row of market\.assets") as caught:
        let_in(database_url, "r1")
    assert "The next collection asks for it again" in caught.value.cure


# Keeping, and telling


def test_the_bytes_of_an_answer_stay_as_long_as_it_waits(jumped: str) -> None:
    long_after = datetime.now(UTC) + timedelta(days=500)
    assert forget_expired(jumped, load_settings(), now=long_after)["raw.payloads"] == 1
    assert [row[0] for row in rows(jumped, WAITING)] == ["b1"], "what waits is not forgotten itself"
    assert let_in(jumped, "b1")[0].stored == COINS
    removed = forget_expired(jumped, load_settings(), now=long_after)
    assert (removed["raw.payloads"], removed["ops.quarantine_batches"]) == (1, 1)


def test_the_doctor_tells_each_kind_once_with_both_commands_until_it_is_decided(jumped: str, tmp_path: Path) -> None:
    endpoints = Endpoints(database_url=jumped, dagster_database_url=jumped, redis_url=None)
    answer(jumped, tmp_path, market(2, factor=1000), 2)
    answer(jumped, tmp_path, market(3, max_supply=None), 3)
    vanished, jump = look_at_quarantine(endpoints)
    assert (jump.subject, jump.state) == ("quarantine of raw.market_snapshots", "broken")
    assert f"2 answers of coingecko ({2 * COINS} rows, b1 to b2) wait since {datetime.now(UTC):%Y-%m-%d}" in jump.what
    assert "unit_jump: the prices of most of 30 known assets moved by a factor of 1000" in jump.what
    assert jump.cure is not None
    assert "`cryptoflow quarantine release b2`" in jump.cure
    assert "`cryptoflow quarantine discard b2 --reason ...`; --alike takes all" in jump.cure
    assert "field_vanished" in vanished.what
    rows(jumped, "UPDATE ops.quarantine_batches SET last_seen_at = now() - INTERVAL '2 hours' RETURNING 1")
    assert [finding.state for finding in look_at_quarantine(endpoints)] == ["warning", "warning"]
    discard(jumped, ["b1", "b2", "b3"], decision=NO)
    (fine,) = look_at_quarantine(endpoints)
    assert (fine.state, fine.what) == ("ok", "no answer waits for a decision")


def kept(url: str, body: bytes, at: datetime) -> None:
    PostgresPayloads(url).keep(
        RawAnswer(
            provider="coingecko",
            endpoint="coins/markets",
            url_redacted="coins/markets",
            params={},
            status=200,
            headers={},
            body=body,
            fetched_at=at,
            elapsed_ms=1,
            attempts=1,
            payload_sha256=hashlib.sha256(body).digest(),
        )
    )


def test_many_answers_that_wait_do_not_keep_others_from_going(jumped: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cryptoflow.warehouse.forgetting._BATCH_ROWS", 1)
    for number in range(3):
        kept(jumped, b"%d" % number, NOON)
    assert forget_expired(jumped, load_settings(), now=datetime.now(UTC))["raw.payloads"] == 4
    assert rows(jumped, "SELECT count(*) FROM raw.payloads") == [(1,)]
