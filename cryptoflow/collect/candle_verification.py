"""What is stored beside a file of the exchange's own candles. Not here: how two candles are compared (warehouse)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from cryptoflow.cadence import CANDLE_INTERVALS
from cryptoflow.sources.candle_files import CandleFile, CandleFileRefused, file_sha256
from cryptoflow.warehouse.candle_comparison import Comparison, compare_candles
from cryptoflow.warehouse.candles import Candle
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.symbols import KnownSymbol


def compare_file(
    database_url: str, path: Path, *, symbol: KnownSymbol, interval: str, found_at: datetime
) -> Comparison:
    """Compare what is stored with a file of the exchange's own candles of the interval, over the span of the file."""
    file_sha256(path)
    length = CANDLE_INTERVALS[interval].length
    theirs = list(_candles_of(path, symbol.symbol_id, interval))
    opens = [one.open_time for one in theirs]
    with transaction(database_url) as connection:
        return compare_candles(
            connection,
            theirs,
            symbol_id=symbol.symbol_id,
            interval=interval,
            start=min(opens),
            end=max(opens) + length,
            found_at=found_at,
        )


def _candles_of(path: Path, symbol_id: int, interval: str) -> Iterator[Candle]:
    file = CandleFile(path, minutes=CANDLE_INTERVALS[interval].minutes)
    for block in file.blocks():
        for fields in csv.reader(io.StringIO(block.decode())):
            values = dict(zip(file.columns, fields, strict=True))
            opens, closes = (datetime.fromisoformat(values.pop(name)) for name in ("open_time", "close_time"))
            count = values.pop("trade_count", None)
            yield Candle(
                symbol_id=symbol_id,
                open_time=opens,
                close_time=closes,
                trade_count=int(count) if count else None,
                **{name: Decimal(text) for name, text in values.items()},
            )
    bad = file.take_bad()
    if bad:
        raise CandleFileRefused(
            f"{path}, {bad[0].place}: {bad[0].reason}.", cure="Nothing was compared. Give a file whose rows all fit."
        )
