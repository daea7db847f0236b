"""Gaps: every slot that was not observed is told, with its state and why; one that was is not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from cryptoflow.cli.main import main
from cryptoflow.warehouse.gaps import Gap, find_gaps
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.slots import Slot, SlotState, close_slot

START = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
DATASET = "raw.market_snapshots"
NOBODY = "Nothing was collected: the platform did not run, or was busy."


def minute(number: int) -> datetime:
    return START + timedelta(minutes=number)


def tell(database_url: str, number: int, state: SlotState, reason: str | None = None) -> None:
    with transaction(database_url) as connection:
        close_slot(
            connection,
            Slot(
                dataset=DATASET,
                provider="coingecko",
                slot=minute(number),
                state=state,
                reason=reason,
                assets_expected=1,
                assets_observed=int(state == "observed"),
                assets_refused=0,
                collection_id=None,
            ),
        )


@pytest.fixture
def told(database_url: str) -> str:
    """Observed, two minutes out, observed, not due, nothing told, throttled, observed."""
    tell(database_url, 0, "observed")
    tell(database_url, 1, "feed_down", "no answer")
    tell(database_url, 2, "feed_down", "no answer")
    tell(database_url, 3, "observed")
    tell(database_url, 4, "not_due", "not its turn")
    tell(database_url, 6, "throttled", "429")
    tell(database_url, 7, "observed")
    return database_url


def gap(first: int, last: int, state: str, reason: str) -> Gap:
    return Gap(provider="coingecko", starts=minute(first), ends=minute(last + 1), state=state, reason=reason)


def test_every_slot_that_was_not_observed_is_told_in_stretches(told: str) -> None:
    found = find_gaps(told, dataset=DATASET, starts=minute(-60), ends=minute(8))
    assert found == [
        gap(1, 2, "feed_down", "no answer"),
        gap(5, 5, "feed_down", NOBODY),
        gap(6, 6, "throttled", "429"),
    ]
    assert [one.slots for one in found] == [2, 1, 1]


def test_what_was_planned_is_told_on_request(told: str) -> None:
    found = find_gaps(told, dataset=DATASET, starts=minute(3), ends=minute(6), planned=True)
    assert found == [gap(4, 4, "not_due", "not its turn"), gap(5, 5, "feed_down", NOBODY)]


def test_a_gap_at_the_end_is_found_like_one_in_the_middle(told: str) -> None:
    assert find_gaps(told, dataset=DATASET, starts=minute(7), ends=minute(10)) == [gap(8, 9, "feed_down", NOBODY)]


def test_the_command_tells_them(
    told: str, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setenv("CRYPTOFLOW_DATABASE_URL", told)
    with pytest.raises(SystemExit) as ended:
        main(["gaps", "--from", "2026-03-01T10:00Z", "--to", "2026-03-01T10:03Z", "--json"])
    assert ended.value.code == 0
    (found,) = json.loads(capsysbinary.readouterr().out)
    assert (found["state"], found["reason"], found["slots"]) == ("feed_down", "no answer", 2)


def test_an_unknown_dataset_is_a_clear_error(
    monkeypatch: pytest.MonkeyPatch, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CRYPTOFLOW_DATABASE_URL", database_url)
    with pytest.raises(SystemExit) as ended:
        main(["gaps", "--dataset", "minutes"])
    assert ended.value.code == 2
    assert "Known: minute_close" in capsys.readouterr().err
