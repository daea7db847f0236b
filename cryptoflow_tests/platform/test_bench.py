"""The benchmarks run, on the real server, and every side of each makes the same rows. No time is ever asserted."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.benches import find_benches, names_in_order
from bench.contest import Bench, Beside, Contest, Measure, Row, Side, Within, at_most, each
from bench.results import RESULTS_FILE
from bench.room import Room, open_room
from bench.runner import SidesDiffer, measure, play_round

ROOT = RESULTS_FILE.parent.parent
# On a quiet machine the quick form takes well under two minutes.
TIMEOUT_SECONDS = 480
SHAPE = {"name": str, "ours": float, "beside": float, "ratio": float, "goal": str, "met": bool}
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def bench_command() -> Command:
    """Runs `python -m bench`."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "error", "-m", "bench", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS)

    return run


@pytest.fixture(scope="module")
def quick_results(bench_command: Command, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What `--quick` of every bench writes, at a hundredth of the size. It ends in an error when two sides differ."""
    file = tmp_path_factory.mktemp("bench") / "results.json"
    done = bench_command("--quick", "--size", "0.01", "--output", str(file))
    assert done.returncode == 0, done.stderr
    return load(file)


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    with open_room() as opened:
        yield opened


def load(file: Path) -> list[dict[str, Any]]:
    results = json.loads(file.read_text())
    assert isinstance(results, list)
    return results


def has_agreed_shape(result: dict[str, Any]) -> bool:
    return {name: type(value) for name, value in result.items()} == SHAPE


def bench_of(result: dict[str, Any]) -> str:
    name: str = result["name"]
    return name.partition(" / ")[0]


def recomputed(result: dict[str, Any]) -> tuple[float, bool]:
    """Ratio and verdict from the times and the text of the goal."""
    goal = re.fullmatch(r"(?P<sign><=|>=) (?P<bound>[\d.]+) x(?P<faster> faster)?", result["goal"])
    assert goal, result
    assert (goal["sign"] == ">=") == bool(goal["faster"])
    bound = float(goal["bound"])
    if goal["faster"]:
        ratio = result["beside"] / result["ours"]
        return ratio, ratio >= bound
    ratio = result["ours"] / result["beside"]
    return ratio, ratio <= bound


def test_the_quick_form_measures_every_bench(quick_results: list[dict[str, Any]]) -> None:
    assert {bench_of(result) for result in quick_results} == {bench.name for bench in find_benches()}
    assert all(has_agreed_shape(result) for result in quick_results)


def test_ratios_follow_from_the_times_in_the_direction_of_the_goal(quick_results: list[dict[str, Any]]) -> None:
    for result in [*quick_results, *load(RESULTS_FILE)]:
        ratio, met = recomputed(result)
        assert result["ratio"] == pytest.approx(ratio, rel=0.02, abs=0.001), result
        assert result["met"] is met or ratio == pytest.approx(float(result["goal"].split()[1]), rel=0.02), result


def test_what_is_kept_of_a_bench_is_of_all_its_sides_and_goals(quick_results: list[dict[str, Any]]) -> None:
    kept = load(RESULTS_FILE)
    assert all(has_agreed_shape(result) for result in kept)
    benches = {bench_of(result) for result in kept}
    assert benches <= set(names_in_order())
    named = [(result["name"], result["goal"]) for result in quick_results if bench_of(result) in benches]
    unasked = {bench.name for bench in find_benches()}
    assert [(one["name"], one["goal"]) for one in kept if bench_of(one) in unasked] == named, "run `make bench`"


@pytest.mark.parametrize(
    ("ours", "theirs", "at"),
    [
        ([(1, "a"), (2, "b")], [(1, "a"), (2, "c")], 1),
        ([(1, "a"), (2, "b")], [(1, "a")], 1),
        ([(1, "a")], [(1, "a"), (2, "b")], 1),
        ([(1, None)], [(1, "")], 0),
        ([], [], 0),
    ],
    ids=["other value", "row missing", "row too many", "nothing is not empty", "no rows prove nothing"],
)
def test_every_difference_is_told(ours: list[Row], theirs: list[Row], at: int, room: Room) -> None:
    with pytest.raises(SidesDiffer, match=rf"'theirs' .* row {at}: "):
        measure(made_of(ours, theirs), room, size=1, rounds=1, after_round=lambda: None)


def test_a_side_that_loses_something_is_compared_with_ours_after_the_same_loss(room: Room) -> None:
    bench = made_of([(1.25,)], [(1,)], ours_as=each(lambda row: tuple(int(value) for value in row)))  # type: ignore[call-overload]
    assert len(measure(bench, room, size=1, rounds=1, after_round=lambda: None).results) == 1
    with pytest.raises(SidesDiffer):
        measure(made_of([(1.25,)], [(1,)]), room, size=1, rounds=1, after_round=lambda: None)


def test_a_side_that_is_compared_in_two_ways_works_once(room: Room) -> None:
    log: list[str] = []
    with made_of([(1,)], [(1,)], log=log).open(room, 3) as contest:
        (beside,) = contest.beside
        in_two_ways = (beside, replace(beside, measure=Measure.WAL))
        position = iter(range(0, 40_000_000, 10_000_000))
        played = play_round(replace(contest, beside=in_two_ways, wal_position=lambda: next(position)))
    assert log == ["before ours", "ours", "before theirs", "theirs"]
    assert [costs[Measure.WAL] for costs in played.costs] == [10, 10, 10]


def test_what_a_work_measured_itself_counts_and_bounds_stand_beside_it(room: Room) -> None:
    @contextmanager
    def opened(_: Room, items: int) -> Iterator[Contest]:
        ours = Side(
            work=lambda: {Measure.SECONDS: 3.0, Measure.MEMORY: 50.0},
            rows=lambda _: [(1,)],
            figures=lambda made: made,
        )
        bounds = (
            Within(name="two seconds", figure=2.0),
            Within(name="a bound", figure=100.0, measure=Measure.MEMORY),
        )
        yield Contest(ours=ours, beside=(), within=bounds, steps=lambda _: {"a step": 1.0})

    bench = Bench(name="made", about="rows", items=1, open=opened)
    measured = measure(bench, room, size=1, rounds=3, after_round=lambda: None)
    assert [(one.name, one.ours, one.beside, one.ratio, one.met) for one in measured.results] == [
        ("made / two seconds", 3.0, 2.0, 1.5, False),
        ("made / a bound (MB of memory)", 50.0, 100.0, 0.5, True),
    ]
    assert measured.steps
    assert measured.steps.seconds == {"a step": 1.0, "the rest": 2.0}


def test_sides_work_in_turn_and_are_prepared_each_time(room: Room) -> None:
    log: list[str] = []
    measure(made_of([(1,)], [(1,)], log=log), room, size=1, rounds=2, after_round=lambda: log.append("round"))
    once = ["before ours", "ours", "before theirs", "theirs", "round"]
    assert log == once * 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--only", "nothing-like-it"], "There is no bench 'nothing-like-it'. Choose one of backfill,"),
        (["--size", "0"], "A size of 0 is none."),
        (["--quick", "--write"], "Only a full run is kept"),
        (["--only", "decode", "--size", "0.5", "--write"], "Only a full run is kept"),
        (["--rounds", "4", "--write"], "Only a full run is kept"),
    ],
    ids=["no such bench", "no size", "quick is not kept", "half the size is not kept", "four rounds are not kept"],
)
def test_what_cannot_be_done_is_said(arguments: list[str], told: str, bench_command: Command) -> None:
    before = RESULTS_FILE.read_bytes()
    done = bench_command(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert RESULTS_FILE.read_bytes() == before


def test_only_chooses_a_file_or_a_bench(bench_command: Command, tmp_path: Path) -> None:
    assert [bench.name for bench in find_benches("catalog")] == ["catalog-first", "catalog-again"]
    done = bench_command("--only", "catalog-again", "--quick", "--size", "0.001", "--output", str(tmp_path / "r.json"))
    assert done.returncode == 0, done.stderr
    assert {bench_of(result) for result in load(tmp_path / "r.json")} == {"catalog-again"}


def made_of(
    ours: Sequence[Row],
    theirs: Sequence[Row],
    *,
    ours_as: Callable[[Sequence[Row]], Sequence[Row]] | None = None,
    log: list[str] | None = None,
) -> Bench:
    """A bench whose sides make the given rows and say when they did."""
    said = log if log is not None else []

    def side(name: str, rows: Sequence[Row]) -> Side[None]:
        return Side(
            name=name,
            work=lambda: said.append(name),
            rows=lambda _: rows,
            before=lambda: said.append(f"before {name}"),
        )

    @contextmanager
    def opened(_: Room, items: int) -> Iterator[Contest]:
        assert items == 3
        yield Contest(
            ours=side("ours", ours), beside=[Beside(side=side("theirs", theirs), goal=at_most(1.0), ours_as=ours_as)]
        )

    return Bench(name="made", about="rows", items=3, open=opened)
