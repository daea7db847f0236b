"""The slot ledger: what is known of a slot only grows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cryptoflow.contracts.refining import SLOT_STATES
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.slots import Slot, close_slot
from cryptoflow_tests.closes_model import rows

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
LESS = [state for state in SLOT_STATES if state != "observed"]


def tell(database_url: str, state: str, **changes: Any) -> None:
    given: dict[str, Any] = {
        "dataset": "raw.market_snapshots", "provider": "coingecko", "slot": NOON, "state": state,
        "reason": None if state == "observed" else f"it was {state}", "assets_expected": 10, "assets_observed": 0,
        "assets_refused": 0, "collection_id": None,
    }  # fmt: skip
    with transaction(database_url) as connection:
        close_slot(connection, Slot(**given | changes))


def said(database_url: str) -> list[tuple[Any, ...]]:
    return rows(
        database_url,
        "SELECT state, reason, assets_expected, assets_observed, assets_refused, collection_id FROM ops.slots",
    )


@pytest.mark.parametrize("state", LESS)
def test_a_slot_that_was_observed_is_never_told_to_be_less(database_url: str, state: str) -> None:
    tell(database_url, "observed", assets_observed=9, assets_refused=1, collection_id=1)
    tell(database_url, state, collection_id=2)
    assert said(database_url) == [("observed", None, 10, 9, 1, 1)]


@pytest.mark.parametrize("state", LESS)
def test_a_slot_that_was_missed_is_observed_later(database_url: str, state: str) -> None:
    tell(database_url, state)
    assert said(database_url) == [(state, f"it was {state}", 10, 0, 0, None)]
    tell(database_url, "observed", assets_observed=10, collection_id=3)
    assert said(database_url) == [("observed", None, 10, 10, 0, 3)]


def test_a_second_look_at_an_observed_slot_never_saw_fewer_assets(database_url: str) -> None:
    tell(database_url, "observed", assets_observed=9)
    tell(database_url, "observed", assets_observed=4)
    assert said(database_url)[0][3] == 9
    tell(database_url, "observed", assets_observed=10)
    assert said(database_url)[0][3] == 10


def test_slots_of_other_providers_and_minutes_stay_apart(database_url: str) -> None:
    tell(database_url, "observed")
    tell(database_url, "feed_down", provider="coinmarketcap")
    tell(database_url, "throttled", slot=NOON.replace(minute=1))
    assert sorted(row[0] for row in said(database_url)) == ["feed_down", "observed", "throttled"]
