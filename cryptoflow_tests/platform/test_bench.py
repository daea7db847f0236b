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

from bench.benches import find_benches
from bench.contest import Bench, Beside, Contest, Row, Side, at_most
from bench.results import RESULTS_FILE
from bench.room import Room, open_room
from bench.runner import SidesDiffer, measure, play_round

ROOT = RESULTS_FILE.parent.parent
TIMEOUT_SECONDS = 120
TINY = 5
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
    """What `--quick` of every bench writes, at a hundredth of the size."""
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
    assert {result["name"].partition(" / ")[0] for result in quick_results} == {bench.name for bench in find_benches()}
    assert all(has_agreed_shape(result) for result in quick_results)


def test_ratios_follow_from_the_times_in_the_direction_of_the_goal(quick_results: list[dict[str, Any]]) -> None:
    for result in [*quick_results, *load(RESULTS_FILE)]:
        ratio, met = recomputed(result)
        assert result["ratio"] == pytest.approx(ratio, rel=0.02, abs=0.001), result
        assert result["met"] is met or ratio == pytest.approx(float(result["goal"].split()[1]), rel=0.02), result


def test_the_kept_results_are_of_these_benches_and_goals(quick_results: list[dict[str, Any]]) -> None:
    kept = load(RESULTS_FILE)
    assert all(has_agreed_shape(result) for result in kept)
    named = [(result["name"], result["goal"]) for result in quick_results]
    assert [(result["name"], result["goal"]) for result in kept] == named, "run `make bench ARGS=--write`"


@pytest.mark.parametrize("bench", find_benches(), ids=lambda bench: bench.name)
def test_all_sides_of_a_bench_make_the_same_rows(bench: Bench, room: Room) -> None:
    with bench.open(room, TINY) as contest:
        seconds = play_round(contest)
        assert len(seconds) == 1 + len(contest.beside)
        contest.ours.before()
        assert len(contest.ours.rows(contest.ours.work())) >= TINY


@pytest.mark.parametrize("bench", find_benches(), ids=lambda bench: bench.name)
def test_a_side_that_makes_other_rows_ends_the_bench(bench: Bench, room: Room) -> None:
    with bench.open(room, TINY) as contest:
        for number, beside in enumerate(contest.beside):
            others = list(contest.beside)
            others[number] = replace(beside, side=replace(beside.side, work=lambda: None, rows=lambda _: []))
            with pytest.raises(SidesDiffer, match=re.escape(beside.side.name)):
                play_round(replace(contest, beside=others))


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
    bench = made_of([(1.25,)], [(1,)], ours_as=lambda row: tuple(int(value) for value in row))  # type: ignore[call-overload]
    assert len(measure(bench, room, size=1, rounds=1, after_round=lambda: None)) == 1
    with pytest.raises(SidesDiffer):
        measure(made_of([(1.25,)], [(1,)]), room, size=1, rounds=1, after_round=lambda: None)


def test_sides_work_in_turn_and_are_prepared_each_time(room: Room) -> None:
    log: list[str] = []
    measure(made_of([(1,)], [(1,)], log=log), room, size=1, rounds=2, after_round=lambda: log.append("round"))
    once = ["before ours", "ours", "before theirs", "theirs", "round"]
    assert log == once * 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--only", "nothing-like-it"], "There is no bench 'nothing-like-it'. Choose one of catalog,"),
        (["--size", "0"], "A size of 0 is none."),
        (["--quick", "--write"], "Only a full run is kept"),
        (["--only", "decode", "--write"], "Only a full run is kept"),
        (["--rounds", "4", "--write"], "Only a full run is kept"),
    ],
    ids=["no such bench", "no size", "quick is not kept", "a part is not kept", "four rounds are not kept"],
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
    assert {result["name"].partition(" / ")[0] for result in load(tmp_path / "r.json")} == {"catalog-again"}


def made_of(
    ours: Sequence[Row],
    theirs: Sequence[Row],
    *,
    ours_as: Callable[[Row], Row] | None = None,
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
