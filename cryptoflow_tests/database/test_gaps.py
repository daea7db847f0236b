"""Gaps: every slot that was not observed is told, with its state and why; one that was is not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from cryptoflow.cadence import Grain
from cryptoflow.cli.main import main
from cryptoflow.warehouse.coarse_gaps import SlotSummary, find_coarse_gaps
from cryptoflow.warehouse.gaps import Gap, find_gaps
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.slots import AskedRanks, Slot, SlotState, close_slot, record_absent
from cryptoflow_tests.closes_model import sample, store

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


def told_as_json(capsysbinary: pytest.CaptureFixture[bytes], *words: str) -> list[dict[str, Any]]:
    with pytest.raises(SystemExit) as ended:
        main(["gaps", *words, "--json"])
    assert ended.value.code == 0
    found: list[dict[str, Any]] = json.loads(capsysbinary.readouterr().out)
    return found


@pytest.fixture
def ranked(database_url: str) -> str:
    """Two assets of CoinGecko: alpha of rank 1, beta of rank 300; and a third that only CoinMarketCap lists."""
    with psycopg.connect(database_url) as connection:
        for number, slug in enumerate(("alpha", "beta", "gamma"), start=1):
            connection.execute(
                "INSERT INTO market.assets (asset_id, slug, symbol, name, is_active, provenance, first_seen_at,"
                " last_seen_at) OVERRIDING SYSTEM VALUE VALUES (%s, %s, %s, %s, true, '{}', %s, %s)",
                (number, slug, slug.upper(), slug, START, START),
            )
            connection.execute(
                "INSERT INTO market.asset_aliases (asset_id, provider, kind, alias, valid_from, evidence)"
                " VALUES (%s, %s, 'key', %s, %s, 'provider_listing')",
                (number, "coinmarketcap" if slug == "gamma" else "coingecko", slug, START),
            )
        connection.execute(
            "INSERT INTO ops.last_samples VALUES ('coingecko', 1, %(at)s, %(at)s, 10, 1, 1, ''),"
            " ('coingecko', 2, %(at)s, %(at)s, 10, 1, 300, '')",
            {"at": START},
        )
    return database_url


def observe(
    database_url: str, number: int, *, ranks: str, came: list[int], failed: tuple[int, int] | None = None
) -> None:
    """A slot that was observed, with the ranks that were asked and the assets that came."""
    asked = [AskedRanks(first_rank=failed[0], last_rank=failed[1], state="feed_down", reason="502")] if failed else []
    with transaction(database_url) as connection:
        record_absent(
            connection,
            dataset=DATASET,
            provider="coingecko",
            slot=minute(number),
            asked=asked,
            refused={},
            came=came,
        )
        close_slot(
            connection,
            Slot(
                dataset=DATASET,
                provider="coingecko",
                slot=minute(number),
                state="observed",
                reason=None,
                assets_expected=2,
                assets_observed=len(came),
                assets_refused=0,
                collection_id=None,
                ranks_asked=ranks,
            ),
        )


def test_an_asset_that_is_not_in_an_observed_slot_is_a_gap_of_its_own(ranked: str) -> None:
    observe(ranked, 0, ranks="{[1,500]}", came=[1, 2])
    for number in (1, 2):
        observe(ranked, number, ranks="{[1,500]}", came=[1], failed=(251, 500))
    tell(ranked, 3, "throttled", "429")
    missing = Gap(provider="coingecko", starts=minute(1), ends=minute(3), state="feed_down", reason="502", asset="beta")
    found = find_gaps(ranked, dataset=DATASET, starts=minute(0), ends=minute(4))
    assert found == [gap(3, 3, "throttled", "429"), missing]
    assert [one.slots for one in found] == [1, 2]


def test_the_slots_of_one_asset_are_told_whatever_kept_it_away(ranked: str) -> None:
    observe(ranked, 0, ranks="{[1,500]}", came=[1, 2])
    observe(ranked, 1, ranks="{[1,500]}", came=[1], failed=(251, 500))
    observe(ranked, 2, ranks="{[1,250]}", came=[1])
    tell(ranked, 3, "throttled", "429")
    span = {"dataset": DATASET, "starts": minute(0), "ends": minute(5)}

    def told(asset: str, *, planned: bool = False) -> list[tuple[str, str, int]]:
        found = find_gaps(ranked, asset=asset, planned=planned, **span)  # type: ignore[arg-type]
        assert {one.asset for one in found} <= {asset}
        return [(one.state, one.reason or "", (one.starts - START) // timedelta(minutes=1)) for one in found]

    assert told("alpha") == [("throttled", "429", 3), ("feed_down", NOBODY, 4)]
    assert told("beta") == [("feed_down", "502", 1), ("throttled", "429", 3), ("feed_down", NOBODY, 4)]
    not_asked = "The collection plan that fits the quota did not ask its rank in this slot."
    assert told("beta", planned=True)[1] == ("not_due", not_asked, 2)
    assert told("gamma") == [], "CoinGecko never listed it, so nothing was due"


def test_the_command_tells_one_asset(
    ranked: str, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setenv("CRYPTOFLOW_DATABASE_URL", ranked)
    observe(ranked, 0, ranks="{[1,500]}", came=[1], failed=(251, 500))
    span = ["--from", "2026-03-01T10:00Z", "--to", "2026-03-01T10:01Z"]
    (whole,) = told_as_json(capsysbinary, *span)
    assert (whole["asset"], whole["state"], whole["reason"], whole["slots"]) == ("beta", "feed_down", "502", 1)
    assert told_as_json(capsysbinary, "--asset", "beta", *span) == [whole]
    assert told_as_json(capsysbinary, "--asset", "alpha", *span) == []
    with pytest.raises(SystemExit) as ended:
        main(["gaps", "--asset", "betta"])
    assert ended.value.code == 2
    assert b"Did you mean beta" in capsysbinary.readouterr().err


def test_a_slot_that_is_told_again_settles_what_came_after_all(ranked: str) -> None:
    observe(ranked, 0, ranks="{[251,500]}", came=[], failed=(251, 500))
    observe(ranked, 0, ranks="{[1,250]}", came=[1])
    with psycopg.connect(ranked) as connection:
        (told,) = connection.execute("SELECT ranks_asked::text FROM ops.slots").fetchall()
        assert told == ("{[1,501)}",)
        assert connection.execute("SELECT asset_id FROM ops.slot_exceptions").fetchall() == [(2,)]
    observe(ranked, 0, ranks="{[251,500]}", came=[2])
    assert find_gaps(ranked, dataset=DATASET, starts=minute(0), ends=minute(1)) == []


def test_hours_that_are_not_whole_are_told_with_what_their_slots_say(ranked: str) -> None:
    hour = timedelta(hours=1)
    # Alpha in three hours, whole in the second only; beta in the first and the third.
    store(ranked, sample(START, "1"), sample(START, "1", asset_id=2))
    store(ranked, *(sample(START + hour + timedelta(minutes=n), "1") for n in range(60)))
    store(ranked, sample(START + 2 * hour, "1"), sample(START + 2 * hour, "1", asset_id=2))
    tell(ranked, 0, "observed")
    tell(ranked, 1, "throttled", "429")
    found = find_coarse_gaps(ranked, Grain.HOUR, dataset=DATASET, starts=START, ends=START + 3 * hour)
    assert [(one.bucket, one.assets_due, one.assets_missing, one.assets_short) for one in found] == [
        (START, 2, 0, 2),
        (START + hour, 2, 1, 0),
        (START + 2 * hour, 2, 0, 2),
    ]
    assert found[0].mean_coverage == Decimal("0.016667")
    assert found[0].slots == [
        SlotSummary(provider="coingecko", state="observed", slots=1, reason=None),
        SlotSummary(provider="coingecko", state="throttled", slots=1, reason="429"),
    ]
    assert found[1].slots == []
    alone = find_coarse_gaps(ranked, Grain.HOUR, dataset=DATASET, starts=START, ends=START + 3 * hour, asset="alpha")
    assert [one.bucket for one in alone] == [START, START + 2 * hour], "its second hour is whole"


def test_an_hour_without_any_close_is_told_once_something_was_collected(ranked: str) -> None:
    tell(ranked, 0, "feed_down", "no answer")
    span = {"starts": START - timedelta(hours=2), "ends": START + timedelta(hours=1)}
    (only,) = find_coarse_gaps(ranked, Grain.HOUR, dataset=DATASET, **span)
    assert (only.bucket, only.assets_due, only.mean_coverage) == (START, 0, None)
    assert [(one.state, one.reason) for one in only.slots] == [("feed_down", "no answer")]


@pytest.mark.parametrize(
    ("dataset", "bucket"),
    [
        ("hourly_close", "2026-03-01T10:00:00Z"),
        ("daily_close", "2026-03-01T00:00:00Z"),
        ("weekly_close", "2026-02-23T00:00:00Z"),
        ("monthly_close", "2026-03-01T00:00:00Z"),
    ],
)
def test_the_command_tells_coarse_buckets_too(
    ranked: str,
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
    dataset: str,
    bucket: str,
) -> None:
    monkeypatch.setenv("CRYPTOFLOW_DATABASE_URL", ranked)
    store(ranked, sample(START, "1"))
    tell(ranked, 0, "observed")
    (found,) = told_as_json(capsysbinary, "--dataset", dataset, "--from", bucket, "--to", "2026-04-01T00:00Z")[:1]
    assert (found["bucket"], found["assets_short"], found["assets_missing"]) == (bucket, 1, 0)
    assert found["slots"] == [{"provider": "coingecko", "state": "observed", "slots": 1, "reason": None}]
