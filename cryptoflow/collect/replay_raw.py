"""A table rebuilt from the raw answers that are kept: each collection once more through the path that it took.

Replaying changes nothing where everything stands: the same rows with the same instants come out. What is missing is
there again. Slots and records of collections say what happened then, and stay as they are.
What does not belong here: recorded answers in files (replay), asking providers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptoflow.collect.planning import DATASET
from cryptoflow.collect.rebuild import drain
from cryptoflow.collect.replay import Kind, Read, kind_of
from cryptoflow.collect.snapshot_questions import Figures, SnapshotAnswer
from cryptoflow.collect.snapshots import Stored, store_answers
from cryptoflow.errors import CryptoflowError
from cryptoflow.sources.ledger import RawAnswer
from cryptoflow.warehouse.kept_answers import Asked, KeptAnswer, kept_collections
from cryptoflow.warehouse.payloads import PostgresPayloads
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.quarantine import RefusedRow

_OK = 200


@dataclass(slots=True, kw_only=True)
class Rebuilding:
    """How far it is: answers of all, and what was changed so far."""

    answers_in_all: int = 0
    answers: int = 0
    gone: int = 0
    """Answers whose body is past its retention."""
    unreadable: int = 0
    received: int = 0
    stored: int = 0
    refused: int = 0
    new_assets: int = 0
    minutes: int = 0
    closes: Counter[str] = field(default_factory=Counter)

    def add(self, stored: Stored) -> None:
        """Count what one collection changed."""
        self.received += stored.written.received
        self.stored += stored.written.stored
        self.refused += stored.refused
        self.new_assets += stored.new_assets
        self.minutes += stored.written.minutes
        self.closes.update({built.grain.value: built.changed for built in stored.written.built})


def rebuild_from_raw(
    database_url: str, *, provider: str, endpoint: str, start: datetime | None, until: datetime | None
) -> Iterator[Rebuilding]:
    """Replay every collection whose answers were received in [start, until); a step for each of its answers and writes.

    A transaction for each collection: ticks get their turn in between. What was only marked is built at the end.
    """
    kind = kind_of(provider, endpoint)
    payloads = PostgresPayloads(database_url)
    asked = Asked(dataset=DATASET, provider=provider, endpoint=kind.endpoint, start=start, until=until)
    so_far = Rebuilding()
    for collection, so_far.answers_in_all in kept_collections(database_url, asked):
        pages: list[Read] = []
        for answer in collection.answers:
            page = _read(payloads, answer, so_far, provider=provider, kind=kind)
            pages += [page] if page else []
            so_far.answers += 1
            yield so_far
        if pages:
            with transaction(database_url) as connection:
                so_far.add(
                    store_answers(
                        connection,
                        [(provider, as_collected(pages))],
                        slot=collection.slot,
                        run_id=collection.run_id,
                    )
                )
    drain(database_url)
    yield so_far


def _read(
    payloads: PostgresPayloads, answer: KeptAnswer, so_far: Rebuilding, *, provider: str, kind: Kind
) -> Read | None:
    """The page as it was read then; None when its body is gone, or could not be read then either."""
    if not answer.is_body_kept:
        so_far.gone += 1
        return None
    raw = as_received(
        payloads,
        answer.payload_sha256,
        provider=provider,
        kind=kind,
        received_at=answer.received_at,
        media_type=answer.media_type,
    )
    try:
        return kind.read(raw)
    except CryptoflowError:
        so_far.unreadable += 1
        return None


def as_received(
    payloads: PostgresPayloads,
    payload_sha256: bytes,
    *,
    provider: str,
    kind: Kind,
    received_at: datetime,
    media_type: str | None,
) -> RawAnswer:
    """An answer as it came, from its bytes that are kept."""
    return RawAnswer(
        provider=provider,
        endpoint=kind.endpoint,
        url_redacted=kind.endpoint,
        params={},
        status=_OK,
        headers={"content-type": media_type} if media_type else {},
        body=payloads.read(payload_sha256),
        fetched_at=received_at,
        elapsed_ms=0,
        attempts=1,
        payload_sha256=payload_sha256,
    )


def as_collected(pages: Sequence[Read]) -> SnapshotAnswer:
    """The pages as one answer: an asset that slid from one page to the next counts where it was seen first."""
    figures: dict[str, Figures] = {}
    refused: list[RefusedRow] = []
    for page, rows in pages:
        for one in page:
            figures.setdefault(one.listing.key, one)
        refused += rows
    return SnapshotAnswer(figures=list(figures.values()), refused=refused, details={})
