"""From the bytes of CoinGecko's market list to records with exact decimals.

The peer is what one writes with the standard library: exact decimals and instants under our names, but no check that a
number is finite and plausible. The limit of the standard library is its bare parser, which makes floats of the numbers:
what has more than 17 digits is not what was sent any more, so it is no replacement.
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

from bench.contest import Bench, Beside, Contest, Row, Side, at_most, each
from bench.room import Room
from bench.simulated import SimulatedCoinGecko
from cryptoflow.sources.coingecko import MOST_PER_PAGE, MarketRow
from cryptoflow.sources.decode import decode_rows
from cryptoflow.sources.ledger import RawAnswer

_WIRE_NAMES: Final = {member.name: member.encode_name for member in msgspec.structs.fields(MarketRow)}
_INSTANTS: Final = ("observed_at",)


@contextmanager
def _open(_: Room, items: int) -> Iterator[Contest]:
    per_page = min(items, MOST_PER_PAGE)
    pages = list(islice(SimulatedCoinGecko.with_assets(items).full_pages(per_page), -(-items // per_page)))
    decimals = Side(name="json.loads, decimals", work=lambda: _standard_records(pages), rows=_rows_of_records)
    floats = Side(name="json.loads, floats: inexact", work=lambda: _standard_floats(pages), rows=_rows_of_floats)
    yield Contest(
        ours=Side(work=lambda: _ours(pages), rows=_rows_of_ours),
        beside=(
            Beside(side=decimals, goal=at_most(2)),
            Beside(side=floats, goal=at_most(3), ours_as=each(_with_floats)),
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


def _rows_of_ours(records: Sequence[MarketRow]) -> list[Row]:
    return [msgspec.structs.astuple(record) for record in records]


def _rows_of_records(records: Sequence[dict[str, Any]]) -> list[Row]:
    return [tuple(record.values()) for record in records]


def _rows_of_floats(rows: Sequence[dict[str, Any]]) -> list[Row]:
    return [_with_floats(tuple(_record(row).values())) for row in rows]


def _with_floats(row: Row) -> Row:
    return tuple(float(value) if isinstance(value, Decimal | int) else value for value in row)


BENCHES: Final = (Bench(name="decode", about="market rows to exact records", items=10_000, open=_open),)
