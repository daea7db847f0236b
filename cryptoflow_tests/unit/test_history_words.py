"""How history is shown while it comes, and what the doctor says of it."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from cryptoflow.collect.history_run import TIME_IS_OVER
from cryptoflow.ops.history import findings_of_history
from cryptoflow.runtime.view import LiveView, PlainView, history_bar
from cryptoflow.warehouse.history import FirstHistory


def test_a_plain_view_tells_every_tenth_once() -> None:
    lines: list[str] = []
    view = PlainView(lines.append)
    view.show_history(None)
    view.show_history(FirstHistory(asked=0, wanted=0))
    for asked in (0, 3, 10, 19, 20, 20, 100, 100):
        view.show_history(FirstHistory(asked=asked, wanted=100))
    assert lines == [f"first history: {asked} of 100 assets" for asked in (0, 10, 20, 100)]


def shown(first: FirstHistory | None) -> str:
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    view = LiveView(console)
    view.show_history(first)
    with view:
        pass
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_live_view_shows_a_bar_while_there_is_something_to_come() -> None:
    assert "first history: 30 of 120 assets" in shown(FirstHistory(asked=30, wanted=120))
    assert "first history" not in shown(FirstHistory(asked=120, wanted=120))
    assert "first history" not in shown(None)


def test_the_bar_grows() -> None:
    def length(asked: int) -> int:
        console = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=120)
        console.print(history_bar(FirstHistory(asked=asked, wanted=100)))
        assert isinstance(console.file, io.StringIO)
        return console.file.getvalue().count("━")

    assert 0 < length(20) < length(80)


@pytest.mark.parametrize(
    ("row", "state", "says"),
    [
        (("coingecko", 0, None, None), "ok", "nothing is left"),
        (("coingecko", 7, TIME_IS_OVER, "2026-11-10T12:00:00+00:00"), "ok", "the next run asks for them"),
        (("coingecko", 7, None, None), "ok", "the next run asks for them"),
        (("coingecko", 7, "the reserve of the quota is used", "2026-12-01T00:00:00+00:00"), "warning", "reserve"),
    ],
)
def test_the_doctor_tells_what_history_waits_for(
    row: tuple[str, int, str | None, str | None], state: str, says: str
) -> None:
    (finding,) = findings_of_history([row])
    assert (finding.subject, finding.state) == ("history", state)
    assert says in finding.what
    if state == "warning":
        assert finding.cure is not None
        assert "from 2026-12-01 00:00:00 UTC" in finding.cure
