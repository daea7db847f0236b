"""Keeping raw answers of about 100 kB: compressed, once by hash, each in its own commit.

The limit inserts bytes that were compressed before, on one open connection. Compressing costs most of the time, so the
same with compressing stands beside it: what remains are the upsert, the pool and the transaction.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Final

import psycopg

from bench.contest import Bench, Beside, Contest, Row, Side, at_most
from bench.room import Room
from bench.simulated import SimulatedCoinGecko
from cryptoflow.sources.ledger import RawAnswer
from cryptoflow.warehouse.payloads import PostgresPayloads

# So many coins of the market list are 100 kB.
_ROWS_PER_ANSWER: Final = 93
_ANSWERS_PER_MINUTE: Final = 20
_COMPRESSION_LEVEL: Final = 6
_INSERT: Final = """
    INSERT INTO raw.payloads (payload_sha256, body, body_bytes, media_type, first_fetched_at, last_fetched_at)
    VALUES (%b, %b, %s, %s, %s, %s)
"""
_SELECT: Final = """
    SELECT payload_sha256, body, body_bytes, media_type, first_fetched_at, last_fetched_at
    FROM raw.payloads ORDER BY payload_sha256
"""


@contextmanager
def _open(room: Room, items: int) -> Iterator[Contest]:
    pages = SimulatedCoinGecko.with_assets(_ROWS_PER_ANSWER * _ANSWERS_PER_MINUTE).full_pages(_ROWS_PER_ANSWER)
    answers = list(islice(pages, items))
    compressed = [_compress(answer) for answer in answers]
    with room.warehouse() as url, psycopg.connect(url, autocommit=True) as connection:
        store = PostgresPayloads(url)

        def keep() -> None:
            for answer in answers:
                store.keep(answer)

        def insert(bodies: Iterator[bytes]) -> None:
            for answer, body in zip(answers, bodies, strict=True):
                seen_at = answer.fetched_at
                connection.execute(
                    _INSERT,
                    (answer.payload_sha256, body, len(answer.body), answer.headers["content-type"], seen_at, seen_at),
                )

        def side(name: str, work: Callable[[], None]) -> Side[None]:
            return Side(
                name=name,
                work=work,
                rows=lambda _: _rows(connection),
                before=lambda: _empty(connection),
            )

        yield Contest(
            ours=side("ours", keep),
            beside=(
                Beside(
                    side=side("compress, then INSERT", lambda: insert(map(_compress, answers))),
                    goal=at_most(1.3),
                ),
                Beside(side=side("bare INSERT (limit)", lambda: insert(iter(compressed))), goal=at_most(9)),
            ),
        )


def _compress(answer: RawAnswer) -> bytes:
    return zlib.compress(answer.body, _COMPRESSION_LEVEL)


def _empty(connection: psycopg.Connection[Row]) -> None:
    connection.execute("TRUNCATE raw.payloads")


def _rows(connection: psycopg.Connection[Row]) -> Sequence[Row]:
    return connection.execute(_SELECT).fetchall()


BENCHES: Final = (Bench(name="payload", about="raw answers of 100 kB kept", items=200, open=_open),)
