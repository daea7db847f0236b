"""Deciding what becomes of something in quarantine: released through the very path that it was kept from, or discarded.

A whole answer that is released is decoded, checked, merged and rolled up like any other; only the verdict on its nature
is overruled, and who did so, when and why stays written down. Rows that break a hard rule are refused as ever.
What does not belong here: what waits (warehouse.quarantine_decisions), printing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cryptoflow.cadence import Grain, bucket_start
from cryptoflow.collect.candle_spans import DATASET as CANDLES
from cryptoflow.collect.charts import DATASET as CHART_POINTS
from cryptoflow.collect.planning import DATASET as SNAPSHOTS
from cryptoflow.collect.replay import WAIT_SECONDS, Kind, Read, kind_by_provider
from cryptoflow.collect.replay_raw import as_collected, as_received
from cryptoflow.collect.snapshot_questions import Figures, SnapshotAnswer, key_in
from cryptoflow.collect.snapshots import Stored, store_answers
from cryptoflow.errors import CryptoflowError, PermanentError
from cryptoflow.warehouse.candles import store_candles
from cryptoflow.warehouse.chart_points import store_chart_points
from cryptoflow.warehouse.held_rows import as_candle, as_chart_point, as_snapshot
from cryptoflow.warehouse.locks import dataset_lock
from cryptoflow.warehouse.payloads import PostgresPayloads
from cryptoflow.warehouse.pool import Connection, transaction
from cryptoflow.warehouse.quarantine_decisions import (
    Decision,
    HeldAnswer,
    HeldRow,
    alike,
    decide,
    held_thing,
    require_waiting,
)
from cryptoflow.warehouse.slots import settle_slot
from cryptoflow.warehouse.snapshots import store_snapshots

DECODES: Final = "decodes"
_DISCARD: Final = "Discard it with `cryptoflow quarantine discard {} --reason ...`"


class StillBroken(PermanentError):
    """What was to be released breaks a rule that nobody can overrule."""


class NotReleasable(PermanentError):
    """There is no way back for it, or none is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What was decided of one thing, and what came of it."""

    id: str
    state: str
    rows: int
    stored: int
    """Rows that say something new."""
    minutes: int
    refused: Mapping[str, int]
    """Rows that broke a hard rule, by rule: they wait in quarantine as rows."""


def release(database_url: str, names: Sequence[str], *, decision: Decision) -> Iterator[Decided]:
    """Release what is named, each in a transaction of its own; tells of each when it is committed.

    Nothing is released when one of them cannot be found or waits no longer.
    """
    for one in _all_waiting(database_url, names):
        # A live tick takes seconds; a release waits for its turn.
        with (
            dataset_lock(database_url, one.dataset, wait_seconds=WAIT_SECONDS),
            transaction(database_url) as connection,
        ):
            again = held_thing(connection, one.id)
            if isinstance(again, HeldAnswer):
                decided = _release_answer(connection, database_url, again, decision)
            else:
                decided = _release_row(connection, database_url, again, decision)
        yield decided


def discard(database_url: str, names: Sequence[str], *, decision: Decision) -> list[Decided]:
    """Decide that what is named is never stored, all or nothing. What it was, and the decision, stay on record."""
    held = _all_waiting(database_url, names)
    with transaction(database_url) as connection:
        for one in held:
            decide(connection, held_thing(connection, one.id), decision)
    return [
        Decided(
            id=one.id,
            state=decision.state,
            rows=one.row_count if isinstance(one, HeldAnswer) else 1,
            stored=0,
            minutes=0,
            refused={},
        )
        for one in held
    ]


def rows_of(database_url: str, held: HeldAnswer) -> list[Figures]:
    """The rows of an answer that waits, as they are read."""
    page, _ = _read_answer(database_url, held)
    return page


def all_alike(database_url: str, names: Sequence[str]) -> list[str]:
    """What is named, and all that waits for the same reasons from the same providers."""
    with transaction(database_url) as connection:
        return list(dict.fromkeys(one for name in names for one in alike(connection, held_thing(connection, name))))


def _all_waiting(database_url: str, names: Sequence[str]) -> list[HeldAnswer | HeldRow]:
    with transaction(database_url) as connection:
        found = {held.id: held for held in (held_thing(connection, name) for name in names)}
        for held in found.values():
            require_waiting(held)
    return list(found.values())


def _release_answer(connection: Connection, database_url: str, held: HeldAnswer, decision: Decision) -> Decided:
    page = _read_answer(database_url, held)
    # Written first: the judge of answers reads it, and lets this one pass.
    decide(connection, held, decision)
    stored = store_answers(connection, [(held.provider, as_collected([page]))], slot=held.slot, run_id=held.run_id)
    broken = {int(row.held["asset_id"]) for row in stored.written.refusals}
    came = {row.asset_id for row in stored.judged.stored} - broken
    settle_slot(connection, dataset=held.dataset, provider=held.provider, slot=held.slot, assets=came)
    _, unread = page
    refused = Counter([*(row.rule for row in unread), *(row.rule for row in stored.written.refusals)])
    return _decided(held.id, decision, rows=held.row_count, stored=stored, refused=refused)


def _read_answer(database_url: str, held: HeldAnswer) -> Read:
    return _kind(held).read(
        as_received(
            PostgresPayloads(database_url),
            held.payload_sha256,
            provider=held.provider,
            kind=_kind(held),
            received_at=held.fetched_at,
            media_type=held.media_type,
        )
    )


def _kind(held: HeldAnswer | HeldRow) -> Kind:
    kind = kind_by_provider(held.provider)
    if held.dataset != SNAPSHOTS or kind is None:
        raise _no_way_back(held)
    return kind


def _no_way_back(held: HeldAnswer | HeldRow) -> NotReleasable:
    return NotReleasable(
        f"{held.id} cannot be released: there is no way to store a single row of {held.dataset} from quarantine"
        f" that broke the rule {held.rule}.",
        cure=f"The next collection asks for it again by itself. {_DISCARD.format(held.id)} if it is of no use.",
    )


def _release_row(connection: Connection, database_url: str, held: HeldRow, decision: Decision) -> Decided:
    decide(connection, held, decision)
    if held.dataset == SNAPSHOTS and held.rule == DECODES:
        return _reread(connection, database_url, held, decision)
    store = _ROW_STORES.get(held.dataset)
    if store is None or held.rule == DECODES:
        raise _no_way_back(held)
    return store(connection, held, decision)


def _reread(connection: Connection, database_url: str, held: HeldRow, decision: Decision) -> Decided:
    """A row that could not be read goes the way of its answer once more, alone: a better reader may have come."""
    if held.payload_sha256 is None or held.body_bytes is None or held.fetched_at is None:
        raise NotReleasable(
            f"{held.id} cannot be released: the answer that held it is past its retention.",
            cure=f"The row itself is kept; the next collection asks again. {_DISCARD.format(held.id)}.",
        )
    raw = as_received(
        PostgresPayloads(database_url),
        held.payload_sha256,
        provider=held.provider,
        kind=_kind(held),
        received_at=held.fetched_at,
        media_type=held.media_type,
    )
    try:
        page, _ = _kind(held).read(raw)
    except CryptoflowError:
        page = []
    key = key_in(held.row_text)
    figures = [one for one in page if one.listing.key == key]
    if not figures:
        raise StillBroken(
            f"{held.id} still cannot be read: {held.reason}.",
            cure=f"It stays in quarantine until this program can read it. {_DISCARD.format(held.id)} if it never will.",
        )
    slot = bucket_start(held.fetched_at, Grain.MINUTE)
    answer = SnapshotAnswer(figures=figures, refused=[], details={})
    stored = store_answers(connection, [(held.provider, answer)], slot=slot, run_id=held.run_id)
    _require_sound(held, [row.rule for row in stored.written.refusals])
    if stored.judged.refused:
        raise StillBroken(
            f"{held.id} is a row of an answer that was discarded as a whole.",
            cure=f"{_DISCARD.format(held.id)} too, or replay the answer from a file.",
        )
    assets = [row.asset_id for row in stored.judged.stored]
    settle_slot(connection, dataset=held.dataset, provider=held.provider, slot=slot, assets=assets)
    return _decided(held.id, decision, rows=1, stored=stored, refused={})


def _release_snapshot(connection: Connection, held: HeldRow, decision: Decision) -> Decided:
    snapshot = as_snapshot(connection, held.row_text)
    written = store_snapshots(connection, [snapshot])
    _require_sound(held, [row.rule for row in written.refusals])
    settle_slot(
        connection, dataset=held.dataset, provider=held.provider, slot=snapshot.slot, assets=[snapshot.asset_id]
    )
    return _one_row(held, decision, stored=written.stored, minutes=written.minutes)


def _release_chart_point(connection: Connection, held: HeldRow, decision: Decision) -> Decided:
    written = store_chart_points(connection, [as_chart_point(connection, held.row_text)])
    _require_sound(held, [row.rule for row in written.refusals])
    return _one_row(held, decision, stored=written.stored, minutes=written.minutes)


def _release_candle(connection: Connection, held: HeldRow, decision: Decision) -> Decided:
    candle, origin = as_candle(connection, held.row_text)
    stored = store_candles(connection, [candle], origin=origin)
    _require_sound(held, [held.rule] if stored.refused else [])
    return _one_row(held, decision, stored=stored.stored, minutes=stored.stored)


_ROW_STORES: Final[Mapping[str, Callable[[Connection, HeldRow, Decision], Decided]]] = {
    SNAPSHOTS: _release_snapshot,
    CHART_POINTS: _release_chart_point,
    CANDLES: _release_candle,
}


def _require_sound(held: HeldRow, broken: Collection[str]) -> None:
    if broken:
        raise StillBroken(
            f"{held.id} still breaks the rule {', '.join(broken)} of {held.dataset}: nothing that breaks a hard rule is"
            " ever stored.",
            cure=f"It stays in quarantine. `cryptoflow quarantine show {held.id}` shows the row. "
            f"{_DISCARD.format(held.id)} when it is wrong; when the rule is wrong, correct the contract of the table.",
        )


def _one_row(held: HeldRow, decision: Decision, *, stored: int, minutes: int) -> Decided:
    return Decided(id=held.id, state=decision.state, rows=1, stored=stored, minutes=minutes, refused={})


def _decided(name: str, decision: Decision, *, rows: int, stored: Stored, refused: Mapping[str, int]) -> Decided:
    written = stored.written
    return Decided(
        id=name, state=decision.state, rows=rows, stored=written.stored, minutes=written.minutes, refused=dict(refused)
    )
