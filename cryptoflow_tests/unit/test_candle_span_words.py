"""Minutes as spans."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptoflow.collect.candle_spans import runs_of

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_minutes_in_a_row_are_one_span() -> None:
    minutes = [AT, AT + MINUTE, AT + 3 * MINUTE]
    assert runs_of(minutes) == [(AT, AT + 2 * MINUTE), (AT + 3 * MINUTE, AT + 4 * MINUTE)]
    assert runs_of([]) == []
