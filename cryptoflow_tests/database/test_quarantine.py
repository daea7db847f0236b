"""Refused rows: kept whole, counted when they come again, whatever characters they hold."""

from __future__ import annotations

import hashlib
from typing import Any

import psycopg
import pytest

from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.quarantine import RefusedRow, quarantine


def refused(row_text: str = '{"id": 1}', **changes: Any) -> RefusedRow:
    given: dict[str, Any] = {
        "dataset": "market.assets", "provider": "coingecko", "rule": "decodes", "reason": "no name",
        "row_text": row_text, "payload_sha256": "ab" * 32, "run_id": "run-1",
    }  # fmt: skip
    return RefusedRow(**given | changes)


def put(database_url: str, *rows: RefusedRow) -> None:
    with transaction(database_url) as connection:
        quarantine(connection, rows)


def kept(database_url: str, columns: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database_url) as connection:
        return connection.execute(f"SELECT {columns} FROM ops.quarantine ORDER BY quarantine_id").fetchall()


def test_a_row_is_kept_whole_with_the_rule_and_the_answer(database_url: str) -> None:
    put(database_url, refused())
    columns = "dataset, provider, rule, reason, row_text, row_sha256, payload_sha256, run_id, times_seen"
    sha256 = hashlib.sha256(b'{"id": 1}').digest()
    assert kept(database_url, columns) == [
        ("market.assets", "coingecko", "decodes", "no name", '{"id": 1}', sha256, b"\xab" * 32, "run-1", 1)
    ]


def test_nothing_refused_is_no_work(database_url: str) -> None:
    put(database_url)
    assert kept(database_url, "*") == []


def test_a_row_without_answer_and_run_is_kept(database_url: str) -> None:
    put(database_url, refused(payload_sha256=None, run_id=None))
    assert kept(database_url, "payload_sha256, run_id") == [(None, None)]


def test_the_same_row_twice_in_one_batch_is_one_row_seen_once(database_url: str) -> None:
    put(database_url, refused(), refused(reason="said otherwise"), refused('{"id": 2}'))
    assert sorted(kept(database_url, "row_text, times_seen")) == [('{"id": 1}', 1), ('{"id": 2}', 1)]


def test_the_same_row_in_two_batches_is_one_row_seen_twice(database_url: str) -> None:
    put(database_url, refused())
    ((first, recorded),) = kept(database_url, "last_seen_at, recorded_at")
    put(database_url, refused(run_id="run-2"))
    ((times, again, still),) = kept(database_url, "times_seen, last_seen_at, recorded_at")
    assert times == 2
    assert again > first
    assert still == recorded


@pytest.mark.parametrize("change", [{"dataset": "x"}, {"provider": "x"}, {"rule": "x"}, {"row_text": "x"}])
def test_another_dataset_provider_rule_or_text_is_another_row(database_url: str, change: dict[str, str]) -> None:
    put(database_url, refused())
    put(database_url, refused(**change))
    assert kept(database_url, "times_seen") == [(1,), (1,)]


def test_nul_characters_are_kept_as_their_picture(database_url: str) -> None:
    put(database_url, refused('{"name": "a\0b"}', reason="odd: \0"), refused('{"name": "a\\u0000b"}'))
    assert sorted(kept(database_url, "row_text, reason")) == [
        ('{"name": "a\\u0000b"}', "no name"),
        ('{"name": "a\u2400b"}', "odd: \u2400"),
    ]


def test_any_other_text_is_kept_as_it_came(database_url: str) -> None:
    odd = "币安 \U0001f680 \u202e \x01\x7f %s %(name)s ' \" \\ \r\n" + "x" * 100_000
    put(database_url, refused(odd))
    assert kept(database_url, "row_text") == [(odd,)]


def test_what_is_refused_is_undone_with_the_write_that_refused_it(database_url: str) -> None:
    def broken_write() -> None:
        with transaction(database_url) as connection:
            quarantine(connection, [refused()])
            raise RuntimeError("the write failed")

    with pytest.raises(RuntimeError, match="the write failed"):
        broken_write()
    assert kept(database_url, "*") == []
