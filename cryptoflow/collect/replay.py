"""Recorded answers through the very same path as live ones: decode, identity, stage, check, merge, roll up, account.

What does not belong here: asking providers; how an answer is read (sources) and written (snapshots).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptoflow.cadence import Grain, bucket_start
from cryptoflow.collect.asking import Asking, Tally
from cryptoflow.collect.planning import DATASET
from cryptoflow.collect.quarantining import refused_on
from cryptoflow.collect.snapshot_questions import (
    Figures,
    SnapshotAnswer,
    coingecko_figures,
    coinmarketcap_figures,
)
from cryptoflow.collect.snapshots import SnapshotReport, write_answers
from cryptoflow.errors import UsageError
from cryptoflow.sources.coingecko import market_page
from cryptoflow.sources.coinmarketcap import LISTINGS_LATEST, listings_page
from cryptoflow.sources.decode import json_problem
from cryptoflow.sources.errors import UnexpectedShape
from cryptoflow.sources.ledger import RawAnswer
from cryptoflow.sources.providers import COINGECKO, COINMARKETCAP
from cryptoflow.warehouse.collections import open_collection
from cryptoflow.warehouse.locks import dataset_lock
from cryptoflow.warehouse.payloads import PostgresPayloads
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.quarantine import RefusedRow
from cryptoflow.warehouse.usage import PostgresLedger
from cryptoflow.warehouse.world import World, settle_world

# A live tick takes seconds: a replay waits for its turn instead of failing beside it.
WAIT_SECONDS: Final = 90.0
_WHAT_TO_GIVE: Final = "Give files with one answer each, as the provider sent it."

Read = tuple[list[Figures], list[RefusedRow]]


def _read_coingecko(answer: RawAnswer) -> Read:
    page = market_page(answer)
    figures = [coingecko_figures(row, answer) for row in page.rows.good]
    return figures, refused_on(page, dataset=DATASET, provider=COINGECKO)


def _read_coinmarketcap(answer: RawAnswer) -> Read:
    page = listings_page(answer)
    figures = [coinmarketcap_figures(row, answer) for row in page.rows.good]
    return figures, refused_on(page, dataset=DATASET, provider=COINMARKETCAP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of answer: how the provider itself calls it, and how it is read."""

    endpoint: str
    read: Callable[[RawAnswer], Read]


_KINDS: Final[Mapping[tuple[str, str], Kind]] = {
    (COINGECKO, "coins/markets"): Kind(endpoint="coins/markets", read=_read_coingecko),
    (COINMARKETCAP, "listings/latest"): Kind(endpoint=LISTINGS_LATEST, read=_read_coinmarketcap),
}


def replay_snapshots(
    database_url: str, files: Sequence[Path], *, provider: str, endpoint: str, fetched_at: datetime, world: World
) -> SnapshotReport:
    """Store recorded answers, all received at the instant. Nothing is stored unless every file can be read."""
    kind = kind_of(provider, endpoint)
    answers = [_recorded(path, provider=provider, endpoint=kind.endpoint, fetched_at=fetched_at) for path in files]
    read = [_read(path, answer, kind) for path, answer in zip(files, answers, strict=True)]
    if not any(figures for figures, _ in read):
        raise UsageError(
            f"There is no coin in {', '.join(map(str, files))}.", cure=f"Give answers of {provider} {endpoint}."
        )
    answered = SnapshotAnswer(
        figures=[one for figures, _ in read for one in figures],
        refused=[row for _, refused in read for row in refused],
        details={
            "files": [path.name for path in files],
            "payloads": [answer.payload_sha256.hex() for answer in answers],
            "fetched_at": fetched_at.isoformat(),
        },
    )
    settle_world(database_url, world)
    with dataset_lock(database_url, DATASET, wait_seconds=WAIT_SECONDS):
        return _write(database_url, answers, answered, provider=provider)


def _write(
    database_url: str, answers: Sequence[RawAnswer], answered: SnapshotAnswer, *, provider: str
) -> SnapshotReport:
    asking = Asking(
        provider=provider,
        collection=open_collection(database_url, collection_type="manual", dataset=DATASET, provider=provider),
        tally=Tally(PostgresLedger(database_url)),
        answered=answered,
    )
    payloads = PostgresPayloads(database_url)
    for answer in answers:
        payloads.keep(answer)
    with transaction(database_url) as connection:
        return write_answers(
            connection,
            [asking],
            slot=bucket_start(answers[0].fetched_at, Grain.MINUTE),
            universe_size=answered.listed + len(answered.refused),
            run_id=None,
        )


def kind_of(provider: str, endpoint: str) -> Kind:
    """How answers of the endpoint are read; an error that names the known ones when it is none of them."""
    kind = _KINDS.get((provider, endpoint))
    if kind is None:
        known = ", ".join(" ".join(name) for name in _KINDS)
        raise UsageError(f"Answers of {provider} {endpoint} cannot be replayed.", cure=f"Known: {known}.")
    return kind


def kind_by_provider(provider: str) -> Kind | None:
    """How the provider's answers for the market are read; None when it gives none."""
    return next((kind for (name, _), kind in _KINDS.items() if name == provider), None)


def _recorded(path: Path, *, provider: str, endpoint: str, fetched_at: datetime) -> RawAnswer:
    try:
        body = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} could not be read: {error.strerror}.", cure=_WHAT_TO_GIVE) from None
    problem = json_problem(body)
    if problem:
        raise UsageError(
            f"{path} {'breaks off' if problem == 'cut' else 'is not JSON'}.",
            cure="Nothing was stored. " + _WHAT_TO_GIVE,
        )
    return RawAnswer(
        provider=provider,
        endpoint=endpoint,
        url_redacted=path.name,
        params={},
        status=200,
        headers={"content-type": "application/json"},
        body=body,
        fetched_at=fetched_at,
        elapsed_ms=0,
        attempts=1,
        payload_sha256=hashlib.sha256(body).digest(),
    )


def _read(path: Path, answer: RawAnswer, kind: Kind) -> Read:
    try:
        return kind.read(answer)
    except UnexpectedShape as error:
        raise UsageError(
            f"{path} is no answer of {answer.provider} {kind.endpoint}: at `{error.path}` {error.expected}.",
            cure="Nothing was stored. " + _WHAT_TO_GIVE,
        ) from None
