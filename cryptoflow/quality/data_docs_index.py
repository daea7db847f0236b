"""The first page of Data Docs: every look that is kept, newest first, and the suites.

What does not belong here: the pages that it leads to (Great Expectations writes them), styles.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Final

import msgspec

_RESULTS: Final = "looked_at"
_SUITES: Final = "expected"
_HEAD: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="UTF-8">
<meta name="viewport" content="width=device-width, initial-scale=1.0">
<title>Data Docs</title>
<link rel="stylesheet" href="static/data_docs.css">
</head>
<body>
<div class="navbar sticky-top"><nav><strong>Data Docs</strong></nav></div>
<main class="container-fluid pt-4">
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at one table, and where its page is, seen from the index."""

    dataset: str
    looked_at: datetime
    expectations: int
    kept: int
    page: str


class _Statistics(msgspec.Struct):
    evaluated_expectations: int
    successful_expectations: int


class _RunId(msgspec.Struct):
    run_time: datetime


class _Meta(msgspec.Struct):
    run_id: _RunId


class _Record(msgspec.Struct):
    """Of a record of Great Expectations what the index tells."""

    suite_name: str
    statistics: _Statistics
    meta: _Meta


def index_text(records: Path) -> str:
    """The page, from the records that are kept below the folder."""
    looks = sorted(_looks(records / _RESULTS), key=lambda look: (look.looked_at, look.dataset), reverse=True)
    suites = sorted(path.relative_to(records / _SUITES) for path in (records / _SUITES).rglob("*.json"))
    return f"{_HEAD}{_looks_text(looks)}{_suites_text(suites)}</main>\n</body>\n</html>\n"


def _looks(folder: Path) -> Iterable[Look]:
    for path in folder.rglob("*.json"):
        record = msgspec.json.decode(path.read_bytes(), type=_Record)
        yield Look(
            dataset=record.suite_name,
            looked_at=record.meta.run_id.run_time,
            expectations=record.statistics.evaluated_expectations,
            kept=record.statistics.successful_expectations,
            page=f"validations/{path.relative_to(folder).with_suffix('.html').as_posix()}",
        )


def _looks_text(looks: Sequence[Look]) -> str:
    rows = "".join(map(_row, looks))
    return (
        "<h1>Looks at the tables</h1>\n<table>\n<thead><tr><th>Status</th><th>Table</th><th>Looked at</th>"
        f"<th>Expectations that hold</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n"
    )


def _row(look: Look) -> str:
    held = look.kept == look.expectations
    sign, word = ("fa-check-circle text-success", "holds") if held else ("fa-times text-danger", "failed")
    return (
        f'<tr><td><i class="fas {sign}"></i> {word}</td>'
        f'<td><a href="{escape(look.page)}">{escape(look.dataset)}</a></td>'
        f"<td>{look.looked_at:%Y-%m-%d %H:%M:%S} UTC</td><td>{look.kept} of {look.expectations}</td></tr>\n"
    )


def _suites_text(suites: Sequence[Path]) -> str:
    items = "".join(
        f'<li><a href="expectations/{escape(suite.with_suffix(".html").as_posix())}">'
        f"{escape('.'.join(suite.with_suffix('').parts))}</a></li>\n"
        for suite in suites
    )
    return f"<h2>What is expected</h2>\n<ul>\n{items}</ul>\n"
