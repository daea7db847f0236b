"""Certificates of days of candles: issuing them from what is stored, and the rows that go with them.

What does not belong here: what a certificate means and how it is checked (refine.candle_proof).
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from cryptoflow.cadence import Grain, bucket_start
from cryptoflow.errors import UsageError
from cryptoflow.refine.candle_proof import HASH_RULE, Certificate, MissingSpan
from cryptoflow.warehouse.candle_gaps import CandleGap, gaps_of_life, life_of
from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.statements import statement
from cryptoflow.warehouse.symbols import KnownSymbol


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
    next_day = day + timedelta(days=1)
    life = life_of(connection, symbol.symbol_id, now=now)
    if life is None or life.starts >= next_day or life.ends <= day:
        return None
    row = connection.execute(
        statement("candles/select_candle_day"), {"symbol_id": symbol.symbol_id, "starts": day, "ends": next_day}
    ).fetchone()
    assert row is not None
    observed, traded, digest = row
    gaps = gaps_of_life(connection, symbol.symbol_id, life, start=day, end=next_day)
    counts = _counts(gaps)
    certificate = Certificate(
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
    connection.execute(statement("candles/upsert_certificate"), _kept(certificate, symbol.symbol_id, digest, run_id))
    return certificate


def certified_rows(connection: Connection, symbol: KnownSymbol, instant: datetime) -> tuple[list[str], list[Any]]:
    """The rows of the day: names of columns, and values."""
    day = bucket_start(instant, Grain.DAY)
    cursor = connection.execute(
        statement("candles/select_candle_rows"),
        {"symbol_id": symbol.symbol_id, "starts": day, "ends": day + timedelta(days=1)},
    )
    return [column.name for column in cursor.description or ()], cursor.fetchall()


def _counts(gaps: list[CandleGap]) -> Counter[str]:
    """Missing minutes that were expected, by what is known of them."""
    counts: Counter[str] = Counter()
    for gap in gaps:
        if gap.state != "not_due":
            counts[gap.state if gap.state in {"confirmed_empty", "source_has_none"} else "unknown"] += gap.minutes
    return counts


def _kept(certificate: Certificate, symbol_id: int, digest: bytes, run_id: str | None) -> dict[str, object]:
    counts = {
        name: getattr(certificate, name)
        for name in (
            "expected_minutes",
            "observed_minutes",
            "traded_minutes",
            "confirmed_empty_minutes",
            "source_has_none_minutes",
            "unknown_minutes",
        )
    }
    return {
        "symbol_id": symbol_id,
        "day": certificate.day,
        "rows_sha256": digest,
        "issued_at": certificate.issued_at,
        "run_id": run_id,
        **counts,
    }
