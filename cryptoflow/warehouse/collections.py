"""The record of each collection: opened before the first call, closed with what came of it.

A collection is opened in a transaction of its own, so that a process that dies leaves a trace; it is closed in the
transaction of the write, so that record and rows become visible together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from cryptoflow.warehouse.pool import Connection, transaction
from cryptoflow.warehouse.statements import statement
from cryptoflow.warehouse.storable import storable_json, storable_text

CollectionType = Literal["complete", "continuous", "priority_refresh", "manual"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """A collection that runs."""

    collection_id: int
    dataset: str
    provider: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a collection ended."""

    status: Literal["completed", "failed", "cancelled"]
    processed: int = 0
    failed: int = 0
    calls: int = 0
    error: str | None = None
    details: dict[str, object] = field(default_factory=dict)


def open_collection(
    database_url: str, *, collection_type: CollectionType, dataset: str, provider: str, run_id: str | None = None
) -> Collection:
    """Write down that it begins. The caller holds the dataset's lock, so an older one still 'running' is dead."""
    now = datetime.now(UTC)
    key = {"dataset": dataset, "provider": provider}
    with transaction(database_url) as connection:
        connection.execute(statement("ops/cancel_orphaned_collections"), key | {"end_time": now})
        row = connection.execute(
            statement("ops/open_collection"),
            key | {"collection_type": collection_type, "start_time": now, "run_id": run_id},
        ).fetchone()
    assert row is not None
    return Collection(collection_id=row[0], dataset=dataset, provider=provider)


def progress_collection(
    connection: Connection, collection: Collection, *, processed: int, failed: int, calls: int
) -> None:
    """Write down how far it has come, in the transaction of what it wrote so far."""
    connection.execute(
        statement("ops/update_collection"),
        {
            "id": collection.collection_id,
            "coins_processed": processed,
            "coins_failed": failed,
            "api_calls_made": calls,
        },
    )


def close_collection(connection: Connection, collection: Collection, outcome: Outcome) -> None:
    """Write down how it ended, in the transaction of what it wrote."""
    connection.execute(
        statement("ops/close_collection"),
        {
            "id": collection.collection_id,
            "end_time": datetime.now(UTC),
            "coins_processed": outcome.processed,
            "coins_failed": outcome.failed,
            "api_calls_made": outcome.calls,
            "status": outcome.status,
            "error_message": storable_text(outcome.error) if outcome.error else None,
            "batch_details": storable_json(outcome.details),
        },
    )
