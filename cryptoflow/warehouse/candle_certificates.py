"""Certificates of days of candles: issuing them from what is stored, and the rows that go with them.

What does not belong here: what a certificate means and how it is checked (refine.candle_proof).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptoflow.cadence import Grain, bucket_start
from cryptoflow.errors import UsageError
from cryptoflow.refine.candle_proof import HASH_RULE, Certificate, MissingSpan
from cryptoflow.warehouse.candle_gaps import CandleGap, gaps_of_life, life_of
from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.statements import statement
from cryptoflow.warehouse.symbols import KnownSymbol

_DAY: Final = timedelta(days=1)


def issue_certificate(
    connection: Connection, symbol: KnownSymbol, instant: datetime, *, now: datetime, run_id: str | None = None
) -> Certificate:
    """Certify the day that holds the instant, as it stands now, and keep the certificate."""
    certificate = certify_if_expected(connection, symbol, instant, now=now, run_id=run_id)
    if certificate is None:
        day = bucket_start(instant, Grain.DAY)
        raise UsageError(
            f"Nothing is expected of {symbol.symbol} on {symbol.exchange} on {day:%Y-%m-%d}.",
            cure="analytics.symbol_summary says from when on a symbol is known; a day can be certified once it began.",
        )
    return certificate


def certify_if_expected(
    connection: Connection, symbol: KnownSymbol, instant: datetime, *, now: datetime, run_id: str | None = None
) -> Certificate | None:
    """The same; None for a day of which nothing is expected: the symbol was not listed yet, or had left."""
    day = bucket_start(instant, Grain.DAY)
    return next(iter(certify_expected(connection, symbol, [day], now=now, run_id=run_id)), None)


def certify_expected(
    connection: Connection, symbol: KnownSymbol, days: Sequence[datetime], *, now: datetime, run_id: str | None = None
) -> list[Certificate]:
    """The same for those of the days, in their order, of which something is expected; each is named by its start."""
    life = life_of(connection, symbol.symbol_id, now=now)
    expected = [day for day in days if life and life.starts < day + _DAY and life.ends > day]
    if life is None or not expected:
        return []
    span = {"starts": expected[0], "ends": expected[-1] + _DAY}
    rows = connection.execute(
        statement("candles/select_candle_days"), {"symbol_id": symbol.symbol_id, "days": expected, **span}
    )
    gaps = gaps_of_life(connection, symbol.symbol_id, life, start=span["starts"], end=span["ends"])
    missing = _by_day(gaps)
    issued = [
        _certificate(symbol, day.astimezone(UTC), said, missing.get(day.astimezone(UTC), []), now=now)
        for day, *said in rows
    ]
    connection.execute(statement("candles/upsert_certificates"), _kept(issued, symbol.symbol_id, run_id))
    return issued


def _certificate(
    symbol: KnownSymbol, day: datetime, said: Sequence[Any], gaps: Sequence[CandleGap], *, now: datetime
) -> Certificate:
    observed, traded, digest = said
    counts = _counts(gaps)
    return Certificate(
        exchange=symbol.exchange,
        symbol=symbol.symbol,
        day=day,
        expected_minutes=observed + counts.total(),
        observed_minutes=observed,
        traded_minutes=traded,
        confirmed_empty_minutes=counts["confirmed_empty"],
        source_has_none_minutes=counts["source_has_none"],
        unknown_minutes=counts["unknown"],
        missing=tuple(MissingSpan(starts=g.starts, ends=g.ends, state=g.state, reason=g.reason) for g in gaps),
        rows_sha256=digest.hex(),
        hash_rule=HASH_RULE,
        issued_at=now,
    )


def certified_rows(connection: Connection, symbol: KnownSymbol, instant: datetime) -> tuple[list[str], list[Any]]:
    """The rows of the day: names of columns, and values."""
    day = bucket_start(instant, Grain.DAY)
    cursor = connection.execute(
        statement("candles/select_candle_rows"),
        {"symbol_id": symbol.symbol_id, "starts": day, "ends": day + _DAY},
    )
    return [column.name for column in cursor.description or ()], cursor.fetchall()


def _by_day(gaps: Sequence[CandleGap]) -> dict[datetime, list[CandleGap]]:
    """The gaps cut at midnight."""
    found: dict[datetime, list[CandleGap]] = {}
    for gap in gaps:
        day = bucket_start(gap.starts, Grain.DAY)
        while day < gap.ends:
            inside = replace(gap, starts=max(gap.starts, day), ends=min(gap.ends, day + _DAY))
            found.setdefault(day, []).append(inside)
            day += _DAY
    return found


def _counts(gaps: Sequence[CandleGap]) -> Counter[str]:
    """Missing minutes that were expected, by what is known of them."""
    counts: Counter[str] = Counter()
    for gap in gaps:
        if gap.state != "not_due":
            counts[gap.state if gap.state in {"confirmed_empty", "source_has_none"} else "unknown"] += gap.minutes
    return counts


def _kept(certificates: Sequence[Certificate], symbol_id: int, run_id: str | None) -> dict[str, object]:
    """Each column as a list, but those that are the same in all rows."""
    names = (
        "day",
        "expected_minutes",
        "observed_minutes",
        "traded_minutes",
        "confirmed_empty_minutes",
        "source_has_none_minutes",
        "unknown_minutes",
        "issued_at",
    )
    return {
        "symbol_id": symbol_id,
        "run_id": run_id,
        "rows_sha256": [bytes.fromhex(one.rows_sha256) for one in certificates],
        **{name: [getattr(one, name) for one in certificates] for name in names},
    }
