"""What is in quarantine, found by its name, and what somebody decided of it: released, or discarded.

A whole answer is called b7, a row r12. What does not belong here: refusing (quarantine), storing what was released.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from cryptoflow.errors import PermanentError, UsageError
from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.statements import statement
from cryptoflow.warehouse.storable import storable_text

State = Literal["waiting", "released", "discarded"]
_NAME: Final = re.compile(r"([br])([1-9]\d{0,17})")
_SEE_LIST: Final = "`cryptoflow quarantine list` shows what waits."


class AlreadyDecided(PermanentError):
    """What waits no longer cannot be decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One thing in quarantine, as the list shows it."""

    id: str
    dataset: str
    provider: str
    rule: str
    reason: str
    rows: int
    times_seen: int
    since: datetime
    last_seen_at: datetime
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What is known of anything in quarantine beside what it is."""

    id: str
    dataset: str
    provider: str
    rule: str
    reason: str
    payload_sha256: bytes | None
    run_id: str | None
    times_seen: int
    recorded_at: datetime
    last_seen_at: datetime
    state: State
    decided_at: datetime | None
    decided_by: str | None
    decision_reason: str | None
    body_bytes: int | None
    """Size of the answer; None: it is no longer kept."""
    media_type: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldAnswer(Circumstances):
    """A whole answer in quarantine."""

    payload_sha256: bytes
    row_count: int
    slot: datetime
    fetched_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRow(Circumstances):
    """A row in quarantine. `fetched_at` is None when the record of its call is gone."""

    row_text: str
    fetched_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedAnswer:
    """An answer that waits no longer."""

    provider: str
    payload_sha256: bytes
    state: State
    rule: str
    reason: str

    @property
    def key(self) -> tuple[str, bytes]:
        """Who sent which answer."""
        return self.provider, self.payload_sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is decided, by whom and why."""

    state: Literal["released", "discarded"]
    by: str
    reason: str | None


def held_things(
    connection: Connection,
    *,
    dataset: str | None,
    provider: str | None,
    since: datetime | None,
    waiting_only: bool,
    most: int,
) -> tuple[list[Held], int]:
    """What is in quarantine, whole answers first, at most so many; and how many there are."""
    rows = connection.execute(
        statement("ops/select_quarantine"),
        {"dataset": dataset, "provider": provider, "since": since, "waiting_only": waiting_only, "most": most},
    ).fetchall()
    names = tuple(Held.__dataclass_fields__)
    return [Held(**dict(zip(names, row, strict=False))) for row in rows], rows[0][-1] if rows else 0


def held_thing(connection: Connection, name: str) -> HeldAnswer | HeldRow:
    """What is called so, locked until the transaction ends. Raises when there is no such thing."""
    found = _NAME.fullmatch(name.strip().lower())
    if found is None:
        raise UsageError(
            f"{name!r} names nothing in quarantine.", cure=f"Write b7 for an answer, r12 for a row. {_SEE_LIST}"
        )
    kind, number = found.groups()
    is_answer = kind == "b"
    cursor = connection.execute(
        statement("ops/select_quarantined_answer" if is_answer else "ops/select_quarantined_row"),
        {"held_id": int(number)},
    )
    row = cursor.fetchone()
    if row is None:
        raise UsageError(f"There is no {kind}{number} in quarantine.", cure=_SEE_LIST)
    said = {column.name: value for column, value in zip(cursor.description or (), row, strict=True)}
    return (HeldAnswer if is_answer else HeldRow)(id=f"{kind}{number}", **said)


def alike(connection: Connection, held: HeldAnswer | HeldRow) -> list[str]:
    """The names of what waits for the same reason from the same provider, itself among them; a row stands alone."""
    if isinstance(held, HeldRow):
        return [held.id]
    rows = connection.execute(statement("ops/select_alike_answers"), {"held_id": int(held.id[1:])})
    return [name for (name,) in rows]


def require_waiting(held: HeldAnswer | HeldRow) -> None:
    """Raise when somebody decided already."""
    if held.state == "waiting":
        return
    assert held.decided_at is not None
    why = f": {held.decision_reason}" if held.decision_reason else ""
    raise AlreadyDecided(
        f"{held.id} was {held.state} at {held.decided_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        f" by {held.decided_by}{why}.",
        cure=f"There is nothing left to decide. {_SEE_LIST}",
    )


def decide(connection: Connection, held: HeldAnswer | HeldRow, decision: Decision) -> None:
    """Write the decision down, in the caller's transaction."""
    require_waiting(held)
    name = "ops/update_quarantined_answer" if isinstance(held, HeldAnswer) else "ops/update_quarantined_row"
    connection.execute(
        statement(name),
        {
            "held_id": int(held.id[1:]),
            "state": decision.state,
            "decided_by": storable_text(decision.by),
            "decision_reason": None if decision.reason is None else storable_text(decision.reason),
        },
    )


def decided_answers(connection: Connection, *, dataset: str, answers: Collection[bytes]) -> list[DecidedAnswer]:
    """Those of the answers of which somebody decided."""
    if not answers:
        return []
    rows = connection.execute(
        statement("ops/select_quarantine_decisions"), {"dataset": dataset, "answers": list(answers)}
    )
    return [
        DecidedAnswer(provider=provider, payload_sha256=sha256, state=state, rule=rule, reason=reason)
        for provider, sha256, state, rule, reason in rows
    ]
