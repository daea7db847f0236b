"""Certificates of days of candles: what one says, and whether rows are those that it was issued for. No database.

Each row is one line of text, fields by commas: seconds since 1970 of the open time; open, high, low, close, volume,
quote volume, number of trades, taker base volume, taker quote volume; decimals without exponent and without trailing
zeros, nothing for what is not told; a line feed at the end. The hash is SHA-256 over the lines in the order of time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

ROW_FIELDS: Final = (
    "open",
    "high",
    "low",
    "close",
    "volume",
    "quote_volume",
    "trade_count",
    "taker_base_volume",
    "taker_quote_volume",
)
HASH_RULE: Final = "sha256 of lines, version 1"
_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingSpan:
    """Minutes [starts, ends) of the day that have no row, and why."""

    starts: datetime
    ends: datetime
    state: str
    reason: str | None

    @property
    def minutes(self) -> int:
        """How many it has."""
        return (self.ends - self.starts) // _MINUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What a day of minutes of a symbol held when it was certified."""

    exchange: str
    symbol: str
    day: datetime
    expected_minutes: int
    observed_minutes: int
    traded_minutes: int
    confirmed_empty_minutes: int
    source_has_none_minutes: int
    unknown_minutes: int
    missing: tuple[MissingSpan, ...]
    rows_sha256: str
    hash_rule: str
    issued_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofRow:
    """A row as it was exported; `figures` are in the order of ROW_FIELDS."""

    open_time: datetime
    figures: tuple[Decimal | None, ...]


def rows_sha256(rows: Sequence[ProofRow]) -> str:
    """The hash over the rows, whatever order they are given in."""
    ordered = sorted(rows, key=lambda row: row.open_time)
    return hashlib.sha256("".join(map(_line, ordered)).encode()).hexdigest()


def problems(certificate: Certificate, rows: Sequence[ProofRow]) -> list[str]:
    """Everything in which the rows are not what the certificate says; empty when they are."""
    starts, ends = certificate.day, certificate.day + timedelta(days=1)
    minutes = [row.open_time for row in rows]
    traded = sum(1 for row in rows if (row.figures[ROW_FIELDS.index("volume")] or 0) > 0)
    missing = [span.starts + step * _MINUTE for span in certificate.missing for step in range(span.minutes)]
    by_state = _minutes_by_state(certificate)
    stated: Mapping[str, tuple[int, int]] = {
        "observed minutes": (certificate.observed_minutes, len(rows)),
        "traded minutes": (certificate.traded_minutes, traded),
        "minutes confirmed empty": (certificate.confirmed_empty_minutes, by_state["confirmed_empty"]),
        "minutes that the source does not have": (certificate.source_has_none_minutes, by_state["source_has_none"]),
        "unknown minutes": (certificate.unknown_minutes, by_state["unknown"]),
        "expected minutes": (certificate.expected_minutes, len(rows) + sum(by_state.values())),
    }
    found = [f"{name}: the certificate says {said}, it is {is_}" for name, (said, is_) in stated.items() if said != is_]
    if len(set(minutes)) < len(minutes):
        found.append("a minute stands twice in the rows")
    if not all(starts <= at < ends and not at.second and not at.microsecond for at in minutes):
        found.append("there are rows that are of no minute of the day")
    if set(minutes) & set(missing):
        found.append("there are rows of minutes that the certificate says are missing")
    if certificate.hash_rule != HASH_RULE:
        found.append(f"its hash was made by another rule: {certificate.hash_rule}")
    elif rows_sha256(rows) != certificate.rows_sha256:
        found.append(f"the hash over the rows is {rows_sha256(rows)}, the certificate says {certificate.rows_sha256}")
    return found


def _minutes_by_state(certificate: Certificate) -> dict[str, int]:
    """Missing minutes that were expected. Of what was only not asked for, or in vain, nothing is known."""
    counts = {"confirmed_empty": 0, "source_has_none": 0, "unknown": 0}
    for span in certificate.missing:
        if span.state != "not_due":
            counts[span.state if span.state in counts else "unknown"] += span.minutes
    return counts


def _line(row: ProofRow) -> str:
    seconds = int(row.open_time.timestamp())
    return ",".join([str(seconds), *map(_text, row.figures)]) + "\n"


def _text(value: Decimal | None) -> str:
    if value is None:
        return ""
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text
