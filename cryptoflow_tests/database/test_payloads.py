"""Raw answers: each body once, byte for byte, and what is old is forgotten."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from cryptoflow.errors import PermanentError
from cryptoflow.sources.ledger import RawAnswer
from cryptoflow.warehouse.payloads import PostgresPayloads

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def raw_answer(body: bytes, *, at: datetime = NOON, headers: Mapping[str, str] | None = None) -> RawAnswer:
    return RawAnswer(
        provider="coingecko",
        endpoint="coins/list",
        url_redacted="https://example.org/coins/list",
        params={},
        status=200,
        headers={"content-type": "application/json"} if headers is None else headers,
        body=body,
        fetched_at=at,
        elapsed_ms=5,
        attempts=1,
        payload_sha256=hashlib.sha256(body).digest(),
    )


def kept(database_url: str) -> list[tuple[int, str | None, datetime, datetime]]:
    with psycopg.connect(database_url, options="-c timezone=UTC") as connection:
        return connection.execute(
            "SELECT body_bytes, media_type, first_fetched_at, last_fetched_at FROM raw.payloads ORDER BY body_bytes"
        ).fetchall()


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"\x00\xff\x00 not text \x80", b'{"price": 0.10}' * 100_000],
    ids=["empty", "small", "odd", "big"],
)
def test_a_body_comes_back_byte_for_byte(database_url: str, body: bytes) -> None:
    store = PostgresPayloads(database_url)
    answer = raw_answer(body)
    store.keep(answer)
    assert store.read(answer.payload_sha256) == body
    assert kept(database_url) == [(len(body), "application/json", NOON, NOON)]


def test_a_body_is_compressed(database_url: str) -> None:
    PostgresPayloads(database_url).keep(raw_answer(b'{"price": 0.10}' * 100_000))
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT octet_length(body) < body_bytes / 50 FROM raw.payloads").fetchone()
    assert row == (True,)


def test_the_same_body_again_only_widens_its_dates(database_url: str) -> None:
    store = PostgresPayloads(database_url)
    for hours in (0, 5, -3, 1):
        store.keep(raw_answer(b"[]", at=NOON + timedelta(hours=hours)))
    assert kept(database_url) == [(2, "application/json", NOON - timedelta(hours=3), NOON + timedelta(hours=5))]


def test_an_answer_without_a_media_type_is_kept(database_url: str) -> None:
    PostgresPayloads(database_url).keep(raw_answer(b"[]", headers={}))
    assert kept(database_url)[0][1] is None


def test_a_body_that_is_not_there_is_a_clear_error(database_url: str) -> None:
    with pytest.raises(PermanentError, match="No raw answer is kept under the hash abab") as caught:
        PostgresPayloads(database_url).read(b"\xab" * 32)
    assert "CRYPTOFLOW_PAYLOAD_RETENTION_DAYS" in caught.value.cure


def test_a_hash_of_another_length_is_refused_by_the_table(database_url: str) -> None:
    with psycopg.connect(database_url) as connection, pytest.raises(psycopg.errors.CheckViolation, match="hash_length"):
        connection.execute(
            "INSERT INTO raw.payloads (payload_sha256, body, body_bytes, first_fetched_at, last_fetched_at)"
            " VALUES ('\\xab', '', 0, now(), now())"
        )
