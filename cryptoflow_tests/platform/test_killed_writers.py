"""Exactly once: a writer killed between two statements, or beside another one, leaves what an undisturbed one does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cryptoflow.warehouse.pool import close_pools
from cryptoflow_tests import stepping_writer
from cryptoflow_tests.closes_model import FACTS, FOLLOWING, KEPT, empty, held, rows
from cryptoflow_tests.database.recorded_market import Row, coin, fill, written
from cryptoflow_tests.stepping_writer import SteppingWriter

# The last minutes of a month that is not the last of a week.
NIGHT = datetime(2023, 1, 31, 23, 57, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FETCHED_AT = NIGHT + 4 * MINUTE
BEFORE = [coin("bitcoin", "10", NIGHT), coin("bitcoin", "11", NIGHT + MINUTE), coin("ether", "3", NIGHT)]
# A correction, a minute in the middle, the next month, an asset that nobody knows, a row that is refused.
BATCH = [
    coin("bitcoin", "12", NIGHT + MINUTE),
    coin("ether", "4", NIGHT + 2 * MINUTE),
    coin("bitcoin", "13", NIGHT + 3 * MINUTE),
    coin("dogecoin", "0.000000000012", NIGHT - 2 * MINUTE),
    coin("negative", "-1", NIGHT),
]
OTHER = [coin("ether", "5", NIGHT + 3 * MINUTE), coin("bitcoin", "9", NIGHT - MINUTE), coin("litecoin", "7", NIGHT)]


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    return stepping_writer.context()


@pytest.fixture
def emptied(database_url: str, tmp_path: Path) -> Iterator[str]:
    """A warehouse with some minutes in it, and its state before anything was there."""
    fill(database_url, tmp_path, *BEFORE, fetched_at=NIGHT + 2 * MINUTE)
    yield database_url
    close_pools()


def start_anew(database_url: str, folder: Path) -> None:
    empty(database_url)
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "TRUNCATE market.assets, market.asset_aliases, ops.collection_status RESTART IDENTITY CASCADE"
        )
    fill(database_url, folder, *BEFORE, fetched_at=NIGHT + 2 * MINUTE)


def state(database_url: str) -> dict[str, list[str]]:
    """Every row that follows from the batches: assets by name, for an id that was given in vain is not given again."""
    slugs = dict(rows(database_url, "SELECT asset_id, slug FROM market.assets"))

    def named(row: dict[str, Any]) -> str:
        return str({name: slugs[int(value)] if name == "asset_id" else value for name, value in row.items()})

    facts = held(database_url, *FACTS, *FOLLOWING, *KEPT, "ops.dirty_buckets")
    found = {name: [named(row) for row in kept] for name, kept in facts.items()}
    found["refused"] = [
        named(json.loads(text)) for (text,) in rows(database_url, "SELECT row_text FROM ops.quarantine")
    ]
    found["slots"] = [
        str(row) for row in rows(database_url, "SELECT provider, slot, state, assets_observed FROM ops.slots")
    ]
    found["aliases"] = [
        str(row)
        for row in rows(
            database_url, "SELECT slug, alias FROM market.assets JOIN market.asset_aliases USING (asset_id)"
        )
    ]
    return {name: sorted(texts) for name, texts in found.items()}


def write_anew(database_url: str, folder: Path, batch: list[Row]) -> None:
    fill(database_url, folder, *batch, fetched_at=FETCHED_AT)


def test_a_writer_killed_after_any_statement_leaves_nothing_half_done(
    emptied: str, tmp_path: Path, processes: ForkServerContext
) -> None:
    """Each next writer is the same batch again, beside what the killed ones left; the last one is not disturbed."""
    file = written(tmp_path / "batch.json", BATCH)
    untouched = state(emptied)
    write_anew(emptied, tmp_path, BATCH)
    undisturbed = state(emptied)
    assert undisturbed != untouched
    start_anew(emptied, tmp_path)
    killed_after, whole = 0, 0
    while _killed(processes, emptied, file, after=killed_after + 1):
        killed_after += 1
        found = state(emptied)
        if found == untouched:
            continue
        assert found == undisturbed, f"half of it is there after statement {killed_after}"
        whole += 1
        write_anew(emptied, tmp_path, BATCH)
        assert state(emptied) == undisturbed, f"the same again changed something after statement {killed_after}"
        start_anew(emptied, tmp_path)
    assert state(emptied) == undisturbed
    assert whole >= 1, "one was killed right after its commit"
    assert killed_after > 40, "every statement of the write was the last one once"


def _killed(processes: ForkServerContext, database_url: str, file: Path, *, after: int) -> bool:
    """Whether a writer came to that statement, and was killed there; else it came to its end."""
    writer = SteppingWriter(processes, database_url, file, FETCHED_AT)
    if not _goes_so_far(writer, after):
        writer.join()
        return False
    writer.kill()
    return True


def _goes_so_far(writer: SteppingWriter, statements: int) -> bool:
    for number in range(1, statements + 1):
        if not writer.stopped():
            return False
        if number < statements:
            writer.go_on()
    return True


@pytest.mark.parametrize("second", [BATCH, OTHER], ids=["the same batch", "another batch"])
def test_two_processes_at_once_leave_what_they_leave_one_after_the_other(
    emptied: str, tmp_path: Path, processes: ForkServerContext, second: list[Row]
) -> None:
    write_anew(emptied, tmp_path, BATCH)
    write_anew(emptied, tmp_path, second)
    possible = [state(emptied)]
    start_anew(emptied, tmp_path)
    write_anew(emptied, tmp_path, second)
    write_anew(emptied, tmp_path, BATCH)
    possible.append(state(emptied))
    start_anew(emptied, tmp_path)
    files = [written(tmp_path / f"{number}.json", batch) for number, batch in enumerate((BATCH, second))]
    writers = [SteppingWriter(processes, emptied, file, FETCHED_AT) for file in files]
    for writer in writers:
        assert writer.stopped(), "both are under way before either goes on"
    with ThreadPoolExecutor(max_workers=len(writers)) as threads:
        for going in [threads.submit(_to_the_end, writer) for writer in writers]:
            going.result(timeout=stepping_writer.PATIENCE_SECONDS)
    assert state(emptied) in possible


def _to_the_end(writer: SteppingWriter) -> None:
    """From where it stands."""
    writer.go_on()
    while writer.stopped():
        writer.go_on()
    writer.join()
