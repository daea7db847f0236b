"""The doctor on data: a market that stands still, closes that are old, rows refused, expectations that do not hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg

from cryptoflow.quality.outcome import Outcome as Looked
from cryptoflow.quality.results import record_outcomes
from cryptoflow.quality.suites import suite_of
from cryptoflow.quality.window import Window
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.quarantine import RefusedRow, quarantine
from cryptoflow.warehouse.slots import Slot, SlotState, close_slot
from cryptoflow_tests.closes_model import sample, store
from cryptoflow_tests.database.examined import doctor, states


def observe(database_url: str, minutes_ago: int, state: SlotState = "observed", reason: str | None = None) -> datetime:
    slot = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=minutes_ago)
    with transaction(database_url) as connection:
        close_slot(
            connection,
            Slot(
                dataset="raw.market_snapshots", provider="coingecko", slot=slot, state=state, reason=reason,
                assets_expected=1, assets_observed=1, assets_refused=0, collection_id=None,
            ),
        )  # fmt: skip
    return slot


def test_a_market_that_is_well(servers: str) -> None:
    for number in range(6, -1, -1):
        observe(servers, number)
    store(servers, sample(datetime.now(UTC)))
    _, found = doctor()
    assert states(found)["market"] == ["ok"]


def test_a_market_that_stands_still(servers: str) -> None:
    observe(servers, 300)
    observe(servers, 2, "feed_down", "coingecko: no answer.")
    _, found = doctor()
    (last,) = found["coingecko"]
    assert (last["state"], "brought nothing (feed_down): coingecko: no answer." in last["what"]) == ("broken", True)
    stale, missing = found["raw.market_snapshots from coingecko"]
    assert (stale["state"], stale["what"].startswith("stale: observed last 5 h ago, though it is due every")) == (
        "broken", True,
    )  # fmt: skip
    assert missing["what"].endswith("minutes of the last day: feed_down")
    assert "cryptoflow gaps" in missing["cure"]


def test_closes_that_are_old(servers: str) -> None:
    observe(servers, 0)
    with psycopg.connect(servers) as connection:
        connection.execute(
            "INSERT INTO market.weekly_close (bucket, asset_id, open_usd, high_usd, low_usd, price_usd, samples,"
            " expected_samples, first_at, last_at, formula_version)"
            " VALUES ('2026-01-05Z', 1, 1, 1, 1, 1, 7, 7, '2026-01-05Z', '2026-01-11Z', 1)"
        )
    _, found = doctor()
    assert states(found)["market.weekly_close"] == ["broken"]
    assert found["market.weekly_close"][0]["what"].startswith("stale: its newest week began")


def test_rows_that_were_refused_lately(servers: str) -> None:
    observe(servers, 0)
    rows = [
        RefusedRow(dataset="market.assets", provider="coingecko", rule="decodes", reason="odd", row_text=str(number))
        for number in range(3)
    ]
    with transaction(servers) as connection:
        quarantine(connection, rows)
    _, found = doctor()
    (told,) = found["quarantine of market.assets"]
    assert told["what"] == "3 rows of coingecko refused in the last hour by the rule decodes"
    with psycopg.connect(servers) as connection:
        connection.execute("UPDATE ops.quarantine SET recorded_at = recorded_at - INTERVAL '2 hours'")
    assert "quarantine of market.assets" not in doctor()[1]


def look(database_url: str, dataset: str, *, ago: timedelta, unexpected: int) -> None:
    """Keep a look in which the first rule of the dataset had so many rows against it, and every other held."""
    first, *others = suite_of(dataset).rules
    at = datetime.now(UTC) - ago
    outcomes = [
        Looked(rule=first, success=not unexpected, evaluated=9, unexpected=unexpected),
        *(Looked(rule=rule, success=True, evaluated=9, unexpected=0) for rule in others),
    ]
    name = suite_of(dataset).dataset
    record_outcomes(database_url, name, outcomes, window=Window(starts=None, ends=at), evaluated_at=at)


def test_expectations_that_do_not_hold_until_they_do(servers: str) -> None:
    look(servers, "velocity", ago=timedelta(minutes=90), unexpected=0)
    look(servers, "hourly_close", ago=timedelta(minutes=61), unexpected=4)
    look(servers, "assets", ago=timedelta(minutes=1), unexpected=0)
    code, found = doctor()
    (told,) = found["quality of market.hourly_close"]
    assert (code, told["state"], "quality" in found) == (1, "broken", False)
    assert "did not hold: columns (4 of 9 rows)" in told["what"]
    assert "quality results --failed --dataset market.hourly_close" in told["cure"]
    look(servers, "hourly_close", ago=timedelta(minutes=1), unexpected=0)
    code, found = doctor()
    assert (code, found["quality"][0]["what"]) == (0, "no expectation of severity error is broken")


def test_expectations_that_nobody_looks_at(servers: str) -> None:
    assert "not looked at yet" in doctor()[1]["quality"][0]["what"]
    look(servers, "velocity", ago=timedelta(hours=3), unexpected=0)
    code, found = doctor()
    (told,) = found["quality"]
    assert (code, told["state"]) == (0, "warning")
    assert "quality_hourly" in told["cure"]
