"""A soak's result as tables for people and as plain values for programs. What does not belong here: judging."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.table import Table
from rich.text import Text

from soak.soaking import Report


def as_json(report: Report) -> dict[str, Any]:
    """All of it, and whether it holds."""
    plain = asdict(report)
    for one, verdict in zip(plain["verdicts"], report.verdicts, strict=True):
        one["holds"] = verdict.holds
    return {"holds": report.holds, **plain}


def table_of_verdicts(report: Report) -> Table:
    """A line for each invariant."""
    options = report.options
    table = Table(
        title=f"{options.minutes:g} minutes at speed {options.speed:g}, seed {options.seed}: {report.faults} faults, "
        f"{report.kills} kills, {report.driven_ticks} ticks driven",
        show_edge=False,
        header_style="bold",
    )
    table.add_column("invariant", overflow="fold")
    table.add_column("holds")
    table.add_column("looked at", justify="right")
    table.add_column("broken", justify="right")
    table.add_column("told", overflow="fold")
    for one in report.verdicts:
        holds = Text("yes", style="green") if one.holds else Text("NO", style="bold red")
        looked_at = f"{one.looked_at:,} {one.unit}"
        table.add_row(Text(one.invariant), holds, looked_at, f"{one.broken:,}" if one.broken else "", Text(one.told))
    return table


def table_of_memory(report: Report) -> Table:
    """A line for each part."""
    table = Table(title="Memory of the parts", show_edge=False, header_style="bold")
    table.add_column("part")
    table.add_column("peak, MiB", justify="right")
    table.add_column("growth, MiB an hour", justify="right")
    for one in report.memory:
        growth = "too short" if one.growth_mebibytes_per_hour is None else f"{one.growth_mebibytes_per_hour:+.0f}"
        table.add_row(one.part, f"{one.peak_mebibytes:.0f}", growth)
    return table
