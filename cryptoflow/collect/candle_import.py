"""A file of minutes into the warehouse: read, quarantine what does not fit, store, account; one transaction each.

The same file a second time is passed over. What does not belong here: where files come from, how they are read
(sources.candle_files) and stored (warehouse.candles).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Final, TypeVar

from cryptoflow.sources.candle_files import CandleFile, CandleFileRefused, file_sha256
from cryptoflow.sources.candle_lines import BadLine
from cryptoflow.warehouse.candle_backfills import BackfillPart, parts_of, tell_part
from cryptoflow.warehouse.candle_copying import copy_candles
from cryptoflow.warehouse.candles import Origin, StoredCandles, is_untouched, store_candle_text
from cryptoflow.warehouse.pool import Connection, transaction
from cryptoflow.warehouse.quarantine import RefusedRow, quarantine
from cryptoflow.warehouse.symbols import KnownSymbol

OnProgress = Callable[[int, int], None]
T = TypeVar("T")

DATASET: Final = "candles.minute_candles"
INTERVAL: Final = "1m"
MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedFile:
    """What a file brought. `already`: the very same file was in before, and was not read again."""

    path: Path
    rows: int
    stored: int
    refused: int
    already: bool


def import_file(
    database_url: str,
    path: Path,
    *,
    symbol: KnownSymbol,
    part: BackfillPart,
    received_at: datetime,
    run_id: str | None = None,
    again: bool = False,
    on_progress: OnProgress | None = None,
) -> ImportedFile:
    """Store the file's minutes. `part` is what the ledger calls it; `on_progress`: bytes read, of how many."""
    digest = file_sha256(path)
    with transaction(database_url) as connection:
        known = parts_of(connection, symbol.symbol_id, INTERVAL).get(part.part)
        if known is not None and not again and known.state == "done" and known.payload_sha256 == digest:
            return ImportedFile(path=path, rows=known.rows_received, stored=0, refused=0, already=True)
        stored, bad = _store(
            connection,
            path,
            symbol=symbol,
            part=part,
            origin=Origin(source="archive", fetched_at=received_at, payload_sha256=digest, run_id=run_id),
            on_progress=on_progress,
        )
        quarantine(connection, [_refused(one, path, symbol, digest, run_id) for one in bad])
        imported = ImportedFile(
            path=path,
            rows=stored.received + len(bad),
            stored=stored.stored,
            refused=stored.refused + len(bad),
            already=False,
        )
        tell_part(connection, symbol.symbol_id, INTERVAL, _done(part, imported, stored, digest), run_id=run_id)
    return imported


def import_local_file(
    database_url: str,
    path: Path,
    *,
    symbol: KnownSymbol,
    received_at: datetime,
    again: bool = False,
    on_progress: OnProgress | None = None,
) -> ImportedFile:
    """Store a file that somebody gave; that it was refused is kept in the ledger too."""
    part = BackfillPart(part=path.name, kind="file")
    try:
        return import_file(
            database_url,
            path,
            symbol=symbol,
            part=part,
            received_at=received_at,
            again=again,
            on_progress=on_progress,
        )
    except CandleFileRefused as error:
        with transaction(database_url) as connection:
            failed = replace(part, state="failed", error=str(error))
            tell_part(connection, symbol.symbol_id, INTERVAL, failed)
        raise


def _store(
    connection: Connection,
    path: Path,
    *,
    symbol: KnownSymbol,
    part: BackfillPart,
    origin: Origin,
    on_progress: OnProgress | None,
) -> tuple[StoredCandles, list[BadLine]]:
    """Where nothing stands yet nothing has to be compared. A file that does not go that way is read once more."""
    symbol_id = symbol.symbol_id
    bad: list[BadLine] = []
    if part.starts and part.ends and is_untouched(connection, [symbol_id], first=part.starts, last=part.ends):
        file = CandleFile(path)
        numbers = _opened(file, file.blocks_as_numbers(), bad, on_progress)
        copied = copy_candles(
            connection,
            numbers,
            columns=file.columns,
            symbol_id=symbol_id,
            origin=origin,
            starts=part.starts,
            ends=part.ends,
        )
        if copied is not None:
            return copied, bad
        bad = []
    file = CandleFile(path)
    texts = _opened(file, file.blocks(), bad, on_progress)
    return store_candle_text(connection, texts, columns=file.columns, symbol_id=symbol_id, origin=origin), bad


def _opened(file: CandleFile, blocks: Iterator[T], bad: list[BadLine], on_progress: OnProgress | None) -> Iterator[T]:
    """The blocks of the file, the first of them read; `bad` gets what does not fit, as far as blocks are taken."""
    watched = _watched(file, blocks, bad, on_progress)
    # The columns are known with the first block; a file without any has been refused by then.
    first = next(watched)
    return chain([first], watched)


def _watched(file: CandleFile, blocks: Iterator[T], bad: list[BadLine], on_progress: OnProgress | None) -> Iterator[T]:
    """What does not fit is kept for later: while rows are copied nothing else can be said."""
    size = file.size()
    for block in blocks:
        bad += file.take_bad()
        if on_progress:
            on_progress(file.bytes_read, size)
        yield block
    bad += file.take_bad()


def _refused(line: BadLine, path: Path, symbol: KnownSymbol, digest: bytes, run_id: str | None) -> RefusedRow:
    return RefusedRow(
        dataset=DATASET,
        provider=symbol.exchange,
        rule=line.rule,
        reason=f"{symbol.symbol}, {path.name}, {line.place}: {line.reason}",
        row_text=line.text,
        payload_sha256=digest.hex(),
        run_id=run_id,
    )


def _done(part: BackfillPart, imported: ImportedFile, stored: StoredCandles, digest: bytes) -> BackfillPart:
    return replace(
        part,
        starts=part.starts or stored.first,
        ends=part.ends or (stored.last + MINUTE if stored.last else None),
        state="done",
        rows_received=imported.rows,
        rows_stored=imported.stored,
        rows_refused=imported.refused,
        payload_sha256=digest,
        error=None,
    )
