"""Minutes without a candle: finding them, from days down to minutes, and saying why they have none.

A hole inside old history is found like one at the end. What does not belong here: asking the source for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from cryptoflow.cadence import Grain, bucket_start
from cryptoflow.warehouse.candle_rollups import lock_candles
from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.statements import statement

MissingState = Literal["confirmed_empty", "source_has_none", "feed_down", "throttled", "pending", "not_due"]
# A minute is not missing until its candle had the time to come.
STILL_COMING: Final = timedelta(minutes=2)
_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleGap:
    """Minutes in a row, [starts, ends), without a final candle, and what is known of them."""

    starts: datetime
    ends: datetime
    state: MissingState
    reason: str | None
    times_asked: int
    told_at: datetime | None

    @property
    def minutes(self) -> int:
        """How many it has."""
        return (self.ends - self.starts) // _MINUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """The period [starts, ends) in which minutes of a symbol are expected."""

    starts: datetime
    ends: datetime


def life_of(connection: Connection, symbol_id: int, *, now: datetime) -> Life | None:
    """From listing or first candle until it left, or now; None while nothing is known of it."""
    row = connection.execute(statement("candles/select_symbol_life"), {"symbol_id": symbol_id}).fetchone()
    starts, ends = row or (None, None)
    if starts is None:
        return None
    newest = now - STILL_COMING
    return Life(
        starts=bucket_start(starts, Grain.MINUTE),
        ends=bucket_start(min(ends, newest) if ends else newest, Grain.MINUTE),
    )


def find_candle_gaps(
    connection: Connection,
    symbol_id: int,
    *,
    now: datetime,
    start: datetime | None = None,
    end: datetime | None = None,
) -> list[CandleGap]:
    """Every gap within the symbol's life, or the part of it in [start, end), oldest first."""
    life = life_of(connection, symbol_id, now=now)
    return gaps_of_life(connection, symbol_id, life, start=start, end=end) if life else []


def gaps_of_life(
    connection: Connection, symbol_id: int, life: Life, *, start: datetime | None = None, end: datetime | None = None
) -> list[CandleGap]:
    """The same for who has asked for the symbol's life already."""
    starts = max(life.starts, bucket_start(start, Grain.MINUTE)) if start else life.starts
    ends = min(life.ends, bucket_start(end, Grain.MINUTE)) if end else life.ends
    return gaps_within(connection, symbol_id, starts=starts, ends=ends) if starts < ends else []


def gaps_within(connection: Connection, symbol_id: int, *, starts: datetime, ends: datetime) -> list[CandleGap]:
    """Every gap in [starts, ends), whether anything is expected there or not."""
    rows = connection.execute(
        statement("candles/select_candle_gaps"), {"symbol_id": symbol_id, "starts": starts, "ends": ends}
    )
    return [
        CandleGap(
            starts=begins.astimezone(UTC),
            ends=stops.astimezone(UTC),
            state=state,
            reason=reason,
            times_asked=times_asked,
            told_at=told_at,
        )
        for begins, stops, state, reason, times_asked, told_at in rows
    ]


def tell_candle_slots(
    connection: Connection,
    symbol_id: int,
    spans: Sequence[tuple[datetime, datetime]],
    *,
    state: MissingState,
    reason: str | None,
    asked: bool,
) -> None:
    """Say why the minutes in the spans [start, end) have no candle, as far as nobody who knows more has said it.

    `asked`: the source was asked for them just now. Minutes that have a candle may lie in a span: the candle counts.
    """
    if not spans:
        return
    lock_candles(connection, [symbol_id])
    starts, ends = zip(*spans, strict=True)
    connection.execute(
        statement("candles/record_candle_slots"),
        {
            "symbol_id": symbol_id,
            "starts": list(starts),
            "ends": list(ends),
            "state": state,
            "reason": reason,
            "asked": int(asked),
        },
    )
