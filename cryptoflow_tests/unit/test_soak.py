"""What a soak does without any I/O: drawing what goes wrong, the world's time, and judging what was measured."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cryptoflow.errors import UsageError
from cryptoflow.simulator.faults import FAULTS
from soak.checks.bounds import MOST_MEBIBYTES, event_log_is_bounded, it_recovered, memory_is_bounded, memory_of
from soak.checks.slots import Accounts
from soak.figures import Figures, Part
from soak.journal import LATE_ANSWER_SECONDS, Journal, read_journal
from soak.plan import PARTS, draw
from soak.trial import Recovery, _counts
from soak.world import SPARE_SECONDS, seconds_behind

SLOT = datetime(2026, 6, 1, 12, 5, tzinfo=UTC)


def test_the_same_seed_gives_the_same_disturbances_and_another_seed_others() -> None:
    assert draw(7, seconds=600) == draw(7, seconds=600)
    assert draw(7, seconds=600) != draw(8, seconds=600)


@pytest.mark.parametrize("seconds", [60.0, 600.0, 3_600.0])
@pytest.mark.parametrize("seed", range(5))
def test_disturbances_are_in_order_within_the_time_and_can_be_done(seed: int, seconds: float) -> None:
    plan = draw(seed, seconds=seconds)
    assert [one.at_seconds for one in plan] == sorted(one.at_seconds for one in plan)
    assert all(0 < one.at_seconds + one.seconds <= seconds for one in plan)
    faults = [one for one in plan if one.kind == "fault"]
    kills = [one for one in plan if one.kind == "kill"]
    assert all(one.name in FAULTS and one.fault_kind != "archive" and one.seconds > 0 for one in faults)
    assert all((one.fault_kind == "stream") == str(one.provider).endswith("_stream") for one in faults)
    assert len(faults) > seconds / 20
    assert len(kills) >= 2
    assert {one.name for one in kills} <= set(PARTS)


def test_in_ten_minutes_every_part_is_killed() -> None:
    assert {one.name for one in draw(3, seconds=600) if one.kind == "kill"} == set(PARTS)


def test_the_world_begins_so_far_back_that_it_reaches_us_in_time() -> None:
    assert seconds_behind(seconds=600, speed=60) == 600 * 59 + SPARE_SECONDS
    assert seconds_behind(seconds=600, speed=1) == SPARE_SECONDS
    with pytest.raises(UsageError, match="speed 200"):
        seconds_behind(seconds=600, speed=200)
    with pytest.raises(UsageError, match=r"speed 0\.5"):
        seconds_behind(seconds=600, speed=0.5)


def test_the_journal_knows_which_fault_may_have_hit_an_answer(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "soak.jsonl", wall=lambda: 1_000.0)
    journal.write("fault", name="frozen_values", kind="body", provider="coingecko", seconds=10.0)
    body = frozenset({"body"})
    assert journal.fault_near("coingecko", 1_005.0, kinds=body)
    assert journal.fault_near("coingecko", 1_010.0 + LATE_ANSWER_SECONDS, kinds=body)
    assert not journal.fault_near("coingecko", 1_011.0 + LATE_ANSWER_SECONDS, kinds=body)
    assert not journal.fault_near("coingecko", 999.0, kinds=body)
    assert not journal.fault_near("binance", 1_005.0, kinds=body)
    assert not journal.fault_near("coingecko", 1_005.0, kinds=frozenset({"stream"}))
    assert read_journal(journal.path).entries == journal.entries


def accounts(tmp_path: Path, **known: dict[datetime, set[str]]) -> Accounts:
    journal = Journal(tmp_path / "soak.jsonl", wall=lambda: SLOT.timestamp() + 10)
    return Accounts(runs=known.get("runs", {}), ticks=known.get("ticks", {}), journal=journal)


def test_an_untold_slot_is_excused_by_what_dagster_and_the_journal_know(tmp_path: Path) -> None:
    assert accounts(tmp_path).excuse(SLOT) is None
    assert accounts(tmp_path, runs={SLOT: {"FAILURE"}}).excuse(SLOT) == "its run failed"
    assert accounts(tmp_path, ticks={SLOT: {"SKIPPED"}}).excuse(SLOT) == "its turn was skipped"
    assert accounts(tmp_path, ticks={SLOT: {"SUCCESS"}}).excuse(SLOT) is None
    killed = accounts(tmp_path)
    killed.journal.write("kill", part="postgres", pid=1)
    assert killed.excuse(SLOT) == "a part was killed"


def test_no_excuse_holds_for_a_slot_whose_run_went_well(tmp_path: Path) -> None:
    told = accounts(tmp_path, runs={SLOT: {"FAILURE", "SUCCESS"}}, ticks={SLOT: {"SKIPPED"}})
    told.journal.write("kill", part="postgres", pid=1)
    assert told.excuse(SLOT) is None


def figures(at: float, mebibytes: float, *, pid: int = 1, log_bytes: int | None = None, runs: int = 0) -> Figures:
    return Figures(at=at, parts={"worker-1": Part(pid=pid, mebibytes=mebibytes)}, event_log_bytes=log_bytes, runs=runs)


def test_memory_that_grows_too_fast_or_too_large_is_named() -> None:
    steady = [figures(at, 200.0 + at % 7) for at in range(0, 600, 5)]
    assert memory_is_bounded(steady).holds
    busy_at_last = [figures(at, 200.0 if at < 420 or at % 20 == 0 else 900.0) for at in range(0, 600, 5)]
    assert memory_is_bounded(busy_at_last).holds, "what work needs, it gives back"
    imported = [figures(at, 200.0 if at < 320 else 450.0) for at in range(0, 600, 5)]
    assert memory_is_bounded(imported).holds, "what is loaded once is no growth"
    creeping = [figures(at, 200.0 + at) for at in range(0, 600, 5)]
    assert "worker-1 grew by 3600 MiB an hour" in memory_is_bounded(creeping).breaks[0]
    huge = [*steady, figures(605, MOST_MEBIBYTES + 1)]
    assert f"worker-1 used {MOST_MEBIBYTES + 1:.0f} MiB" in memory_is_bounded(huge).breaks[0]


def test_growth_is_that_of_the_process_that_lived_longest_and_of_none_that_was_watched_too_shortly() -> None:
    restarted = [figures(at, 500.0 - at, pid=1) for at in range(0, 100, 5)]
    restarted += [figures(at, 200.0, pid=2) for at in range(100, 600, 5)]
    (memory,) = memory_of(restarted)
    assert memory.growth_mebibytes_per_hour == 0
    (memory,) = memory_of(restarted[:20])
    assert memory.growth_mebibytes_per_hour is None
    (memory,) = memory_of([*restarted[:20], figures(400, 900.0)])
    assert memory.growth_mebibytes_per_hour is None, "a look long after the others is no watching"
    assert memory.peak_mebibytes == 900.0


def test_an_event_log_that_would_outgrow_its_bound_is_named() -> None:
    sound = [figures(0, 1, log_bytes=1_000_000, runs=10), figures(60, 1, log_bytes=2_000_000, runs=30)]
    assert event_log_is_bounded(sound).holds
    heavy = [sound[0], figures(60, 1, log_bytes=50_000_000, runs=30)]
    assert "MiB an hour is the most" in event_log_is_bounded(heavy).breaks[0]
    assert not event_log_is_bounded(sound[:1]).holds, "without runs nothing is proven"


def test_a_platform_that_did_not_recover_is_a_break() -> None:
    assert it_recovered(Recovery(seconds=20, complaints=[])).holds
    assert it_recovered(Recovery(seconds=300, complaints=["run 1 is STARTED since before"])).breaks == (
        "run 1 is STARTED since before",
    )


def test_what_an_hourly_look_said_meanwhile_is_no_complaint() -> None:
    assert _counts({"state": "broken", "subject": "disk"})
    assert not _counts({"state": "warning", "subject": "disk"})
    assert not _counts({"state": "broken", "subject": "quality of market.daily_close"})
