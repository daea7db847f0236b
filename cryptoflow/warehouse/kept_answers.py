"""Raw answers that are still kept, in the order in which they were collected: what a table can be rebuilt from.

What does not belong here: what an answer means (sources), how it is written (snapshots).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

import psycopg
from psycopg.rows import TupleRow

from cryptoflow.warehouse.pool import Connection, transaction
from cryptoflow.warehouse.statements import statement

_LINES_AT_ONCE: Final = 2_000
Cursor = psycopg.ServerCursor[TupleRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """One answer, without its body: when it was received, and whether the body is still there."""

    payload_sha256: bytes
    received_at: datetime
    is_body_kept: bool
    media_type: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCollection:
    """The answers that one collection of a provider was written from, best ranks first."""

    collection_id: int
    run_id: str | None
    slot: datetime
    answers: Sequence[KeptAnswer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is looked for: the answers of an endpoint for a dataset, received in [start, until)."""

    dataset: str
    provider: str
    endpoint: str
    start: datetime | None = None
    until: datetime | None = None


def kept_collections(database_url: str, asked: Asked) -> Iterator[tuple[KeptCollection, int]]:
    """Each collection with the number of answers of all of them. The lines are fetched some at a time."""
    parameters = {name: getattr(asked, name) for name in Asked.__dataclass_fields__}
    with transaction(database_url) as connection, _held(connection) as cursor:
        cursor.execute(statement("raw/select_kept_answers"), parameters)
        # From here on the lines are held for the session: no transaction stays open for as long as the work takes.
        connection.commit()
        for (collection_id, run_id, slot, in_all), lines in groupby(cursor, key=lambda line: (*line[:3], line[-1])):
            answers = [
                KeptAnswer(payload_sha256=sha256, received_at=at, is_body_kept=is_kept, media_type=media_type)
                for _, _, _, sha256, at, is_kept, media_type, _ in lines
            ]
            yield KeptCollection(collection_id=collection_id, run_id=run_id, slot=slot, answers=answers), in_all


def _held(connection: Connection) -> Cursor:
    cursor = connection.cursor(name="kept_answers", withhold=True)
    cursor.itersize = _LINES_AT_ONCE
    return cursor
