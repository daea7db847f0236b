"""From the bytes of CoinGecko's market list to records with exact decimals.

The peer is what one writes with the standard library. The limit of the standard library is its parser alone, which makes
floats of the numbers: whatever has more than 17 digits is not what was sent, so it is no replacement.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any, Final

import msgspec

from bench.contest import Beside, Bench, Contest, Row, Side, faster
from bench.room import Room
from bench.simulated import SimulatedCoinGecko
from cryptoflow.sources.coingecko import MOST_PER_PAGE, MarketRow
from cryptoflow.sources.decode import decode_rows
from cryptoflow.sources.ledger import RawAnswer

_WIRE_NAMES: Final = {member.name: member.encode_name for member in msgspec.structs.fields(MarketRow)}
_INSTANTS: Final = ("ath_at", "atl_at", "observed_at")


@contextmanager
def _open(_: Room, items: int) -> Iterator[Contest]:
    per_page = min(items, MOST_PER_PAGE)
    pages = list(islice(SimulatedCoinGecko.with_assets(items).full_pages(per_page), -(-items // per_page)))
    yield Contest(
        ours=Side(name="ours", work=lambda: _ours(pages), rows=_rows_of_records),
        beside=(
            Beside(
                side=Side(name="json.loads with decimals", work=lambda: _standard_records(pages), rows=_rows_of_dicts),
                goal=faster(1.0),
            ),
            Beside(
                side=Side(
                    name="json.loads with floats (inexact)", work=lambda: _standard_floats(pages), rows=_rows_of_floats
                ),
                goal=faster(1.0),
                ours_as=_with_floats,
            ),
        ),
    )


def _ours(pages: Sequence[RawAnswer]) -> list[MarketRow]:
    return [row for page in pages for row in decode_rows(page, MarketRow).good]


def _standard_records(pages: Sequence[RawAnswer]) -> list[dict[str, Any]]:
    return [_record(row) for page in pages for row in json.loads(page.body, parse_float=Decimal)]


def _record(row: dict[str, Any]) -> dict[str, Any]:
    record = {name: row.get(wire_name) for name, wire_name in _WIRE_NAMES.items()}
    for name in _INSTANTS:
        text = record[name]
        record[name] = datetime.fromisoformat(text) if text else None
    return record


def _standard_floats(pages: Sequence[RawAnswer]) -> list[dict[str, Any]]:
    return [row for page in pages for row in json.loads(page.body)]


def _rows_of_records(records: Sequence[MarketRow]) -> list[Row]:
    return [msgspec.structs.astuple(record) for record in records]


def _rows_of_dicts(records: Sequence[dict[str, Any]]) -> list[Row]:
    return [tuple(record.values()) for record in records]


def _rows_of_floats(rows: Sequence[dict[str, Any]]) -> list[Row]:
    return [_with_floats(tuple(_record(row).values())) for row in rows]


def _with_floats(row: Row) -> Row:
    return tuple(float(value) if isinstance(value, Decimal | int) else value for value in row)


BENCHES: Final = (Bench(name="decode", about="market rows to exact records", items=10_000, open=_open),)
