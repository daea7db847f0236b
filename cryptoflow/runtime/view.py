"""What a person sees of a starting and running platform: a live table on a terminal, plain lines elsewhere.

What does not belong here: deciding anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from cryptoflow.runtime.home import Endpoints
from cryptoflow.runtime.supervisor import WELL, PartStatus, State
from cryptoflow.warehouse.history import FirstHistory

_STYLES: Final = {
    State.HEALTHY: "green",
    State.DONE: "green",
    State.STARTING: "yellow",
    State.WAITING: "dim",
    State.BACKOFF: "red",
    State.UNHEALTHY: "red",
    State.STOPPED: "dim",
}
_BAR_WIDTH = 40
_MINUTE_SECONDS = 60
_HOUR_SECONDS = 3600
_DAY_SECONDS = 86_400


class View(Protocol):
    """Where progress goes. A context manager, so that a terminal is left as it was."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def show(self, parts: Sequence[PartStatus]) -> None: ...
    def show_history(self, first: FirstHistory | None) -> None: ...
    def say(self, text: str) -> None: ...


class PlainView:
    """One line for every change of state; for logs, pipes and terminals that cannot do better."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._last: dict[str, State] = {}
        self._tenths_told = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def show(self, parts: Sequence[PartStatus]) -> None:
        for part in parts:
            if self._last.get(part.name) is not part.state:
                self._last[part.name] = part.state
                if part.state is not State.WAITING:
                    self._write(change_line(part))

    def show_history(self, first: FirstHistory | None) -> None:
        """A line for every tenth."""
        tenths = 10 * first.asked // first.wanted if first and first.wanted else -1
        if first and tenths > self._tenths_told:
            self._tenths_told = tenths
            self._write(history_line(first))

    def say(self, text: str) -> None:
        self._write(text)


class LiveView:
    """A table that is redrawn in place."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._parts: Sequence[PartStatus] = ()
        self._first: FirstHistory | None = None
        self._live = Live(get_renderable=self._picture, console=console, refresh_per_second=2, transient=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, parts: Sequence[PartStatus]) -> None:
        self._parts = parts

    def show_history(self, first: FirstHistory | None) -> None:
        self._first = first

    def say(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def _picture(self) -> RenderableType:
        table = status_table(self._parts, now=time.time())
        if self._first is None or self._first.is_whole:
            return table
        return Group(table, "", history_bar(self._first))


def view_for(console: Console) -> View:
    """The live table when somebody looks, else plain lines."""
    if console.is_terminal and not console.is_dumb_terminal:
        return LiveView(console)
    return PlainView(lambda text: console.print(text, highlight=False, markup=False, soft_wrap=True))


def status_table(parts: Sequence[PartStatus], *, now: float) -> Table:
    """The parts as a table."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("part", "state", "pid", "up", "restarts", "endpoint"):
        table.add_column(heading, header_style="bold", overflow="fold")
    for part in parts:
        style = _STYLES[part.state]
        problem = "" if part.state in WELL or not part.last_problem else f" ({part.last_problem})"
        table.add_row(
            part.name,
            f"[{style}]{part.state.value}[/]" + _escaped(problem),
            str(part.pid or ""),
            duration(now - part.since) if part.pid else "",
            "" if part.is_step else str(part.restarts),
            part.endpoint or "",
        )
    return table


def history_line(first: FirstHistory) -> str:
    """How far first history has come."""
    return f"first history: {first.asked} of {first.wanted} assets"


def history_bar(first: FirstHistory) -> Table:
    """The same as a bar."""
    row = Table.grid(padding=(0, 1))
    row.add_row(ProgressBar(total=first.wanted or None, completed=first.asked, width=_BAR_WIDTH), history_line(first))
    return row


def change_line(part: PartStatus) -> str:
    """One change of state as a line."""
    details = []
    if part.pid:
        details.append(f"pid {part.pid}")
    if part.state is State.HEALTHY and part.endpoint:
        details.append(part.endpoint)
    if part.restarts:
        details.append(f"{part.restarts} restarts" if part.restarts > 1 else "1 restart")
    if part.state not in WELL and part.last_problem:
        details.append(part.last_problem)
    return f"{part.name}: {part.state.value}" + (f" ({', '.join(details)})" if details else "")


def welcome(endpoints: Endpoints, *, home: str, detached: bool) -> str:
    """What to do next, once everything is well."""
    lines = ["", "cryptoflow is up.", f"  Dagster UI   {endpoints.dagster_url}"]
    if endpoints.simulator_url:
        lines.append(f"  simulator    {endpoints.simulator_url}")
    lines += [
        '  query        cryptoflow sql "SELECT ..."',
        f"  logs         {home}/logs",
        "  stop         " + ("cryptoflow down" if detached else "Ctrl-C, or cryptoflow down elsewhere"),
        "",
    ]
    return "\n".join(lines)


def duration(seconds: float) -> str:
    """A span in its two largest units."""
    whole = max(0, int(seconds))
    if whole < _MINUTE_SECONDS:
        return f"{whole}s"
    if whole < _HOUR_SECONDS:
        return f"{whole // _MINUTE_SECONDS}m {whole % _MINUTE_SECONDS}s"
    if whole < _DAY_SECONDS:
        return f"{whole // _HOUR_SECONDS}h {whole % _HOUR_SECONDS // _MINUTE_SECONDS}m"
    return f"{whole // _DAY_SECONDS}d {whole % _DAY_SECONDS // _HOUR_SECONDS}h"


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")
