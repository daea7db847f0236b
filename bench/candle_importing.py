"""Downloaded files of the archive into a warehouse, also in a process of its own, which loads no more than a worker.

What does not belong here: making the files, measuring.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Final

import cryptoflow.warehouse.candle_copying
import cryptoflow.warehouse.candles
from cryptoflow.collect.candle_import import import_file
from cryptoflow.sources.binance_archive import ArchiveFile
from cryptoflow.warehouse.candle_backfills import BackfillPart
from cryptoflow.warehouse.candle_partitions import prepare_candle_partitions
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.symbols import KnownSymbol

# The step that comes after the minutes, for `timed_steps`: each way of storing them has its own.
LARGER_CANDLES: Final = {
    "larger candles": (
        (cryptoflow.warehouse.candle_copying, "build_straight"),
        (cryptoflow.warehouse.candles, "build_candles"),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOnDisk:
    """One file of the archive, as it was downloaded."""

    file: ArchiveFile
    path: Path

    @property
    def part(self) -> BackfillPart:
        """What the ledger of backfills calls it."""
        return BackfillPart(part=self.file.name, kind=self.file.kind, starts=self.file.starts, ends=self.file.ends)


def import_files(url: str, pair: KnownSymbol, files: Sequence[FileOnDisk], received_at: datetime) -> None:
    """What a backfill does with each file that it has downloaded."""
    for one in files:
        prepare_candle_partitions(url, starts=one.file.starts, ends=one.file.ends)
        import_file(url, one.path, symbol=pair, part=one.part, received_at=received_at)


def import_when_told(
    pipe: Pipe, url: str, pair: KnownSymbol, files: Sequence[FileOnDisk], received_at: datetime
) -> None:
    """What another process does: it says that it is at rest, waits for a word, imports, says that it is done."""
    # At rest a worker has its modules and its connection.
    with transaction(url) as connection:
        connection.execute("SELECT 1")
    pipe.send("at rest")
    pipe.recv()
    import_files(url, pair, files, received_at)
    pipe.send("done")
