"""Every fault of a provider that can hit the tick, over HTTP: what is stored, what is told, and that it passes.

In each: nothing that is not true becomes visible, nothing is lost (quarantine, slot state), the other provider goes on,
the doctor names the trouble while it lasts, and the first tick after it is whole again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from cryptoflow.refine.quota_calls import PlannedCall
from cryptoflow.simulator.faults import FAULTS
from cryptoflow.simulator.market.model import Market
from cryptoflow_tests.platform.market_bench import Bench, assert_nothing_bad_is_visible, open_bench

MINUTES_AGO = 10
WHOLE = -1
PROVIDERS = ("coingecko", "coinmarketcap")


@pytest.fixture(scope="module")
def market() -> Market:
    return Market(seed=1, asset_count=40)


@pytest.fixture
def bench(market: Market, database_url: str, valkey_url: str) -> Iterator[Bench]:
    """A world of ten minutes ago: its ticks lie in the past, and near enough to be no old figures."""
    start = (time.time() // 60 - MINUTES_AGO) * 60 + 30
    with open_bench(market, database_url, valkey_url, start=start) as opened:
        yield opened


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A fault, and what becomes of a tick under it."""

    fault: str
    state: str = "observed"
    stored: int | None = WHOLE
    """Assets that are stored; WHOLE: all; None: all but those refused."""
    rule: str | None = None
    """The rule under which rows are refused."""
    waits: str | None = None
    """What the whole answer has become that waits in quarantine."""
    says: str | None = None
    """Words of the doctor while it lasts; None: there is nothing to see."""
    options: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    ticks: int = 1
    """Ticks under the fault; the last one is looked at."""

    def __str__(self) -> str:
        return "-".join([self.fault, *(str(value) for value in self.options.values())])


ONCE = {"http_attempts": 1}
QUICK = {"http_attempts": 1, "http_read_timeout_seconds": 0.3}
PATIENT = {"http_read_timeout_seconds": 1.5}
JUMPED: Mapping[str, Any] = {"state": "feed_down", "stored": 0, "waits": "unit_jump"}
VANISHED: Mapping[str, Any] = {"state": "feed_down", "stored": 0, "waits": "field_vanished"}
FROZEN: Mapping[str, Any] = {"state": "feed_down", "stored": 0, "waits": "frozen_values"}
CASES = [
    Case(fault="hang", state="feed_down", stored=0, says="took too long", settings=QUICK),
    Case(fault="latency", says="slow: answers took", options={"amount": 0.8}, settings=PATIENT),
    Case(fault="reset_mid_body", state="feed_down", stored=0, says="broke off", settings=ONCE),
    Case(fault="truncated_json", state="feed_down", stored=0, says="ends in the middle", settings=ONCE),
    Case(fault="http_429", state="throttled", stored=0, says="throttled", settings=ONCE),
    Case(fault="http_5xx", state="feed_down", stored=0, says="503", options={"amount": 503}, settings=ONCE),
    Case(fault="html_for_json", state="feed_down", stored=0, says="a page came instead of data", settings=ONCE),
    Case(fault="field_vanishes", state="feed_down", stored=0, says="price"),
    Case(
        fault="field_vanishes",
        says="field_vanished: total_supply is missing from",
        options={"field": "total_supply"},
        **VANISHED,
    ),
    Case(fault="field_changes_type", state="feed_down", stored=0, says="price"),
    Case(fault="unit_jump_time"),
    Case(fault="unit_jump_value", says="unit_jump: the prices of most of 40 known assets", **JUMPED),
    Case(fault="unit_jump_value", says="by a factor of 1/1000 at once", options={"amount": 0.001}, **JUMPED),
    Case(fault="nan_values", stored=None, rule="decodes", says="refused in the last tick"),
    Case(fault="negative_price", stored=None, rule="price_usd", says="price_usd 8"),
    Case(fault="zero_price", stored=None, rule="price_usd", says="price_usd 8"),
    Case(fault="frozen_values", says="frozen_values in the last tick", ticks=2),
    Case(fault="frozen_values", says="frozen_values: the figures of", ticks=4, **FROZEN),
    Case(fault="duplicated_rows", says="came twice in the last tick"),
    Case(fault="restated_history"),
    Case(fault="clock_skew", options={"amount": -3600}, says="clock_behind in the last tick"),
    Case(
        fault="clock_skew",
        options={"amount": 60 * MINUTES_AGO + 3600},
        state="feed_down",
        stored=0,
        rule="observed_before_fetched",
        says="clock_ahead in the last tick",
    ),
]
PAGED = ["missing_page", "repeated_page"]


def test_every_fault_of_this_path_has_its_case(bench: Bench) -> None:
    for name, spec in FAULTS.items():
        bench.break_provider(name)
        assert (name in {case.fault for case in CASES} | set(PAGED)) == (spec.kind not in {"stream", "archive"})


def said_of(bench: Bench, provider: str, **settings: Any) -> list[str]:
    """What the doctor says of the provider, what is well aside."""
    return [
        finding.what
        for finding in bench.findings(**settings)
        if finding.state != "ok" and provider in f"{finding.subject} {finding.what}"
    ]


def forget_how_long_it_took(bench: Bench) -> None:
    """The answers before the fault are no longer those of the last minutes."""
    bench.rows("UPDATE raw.fetches SET started_at = started_at - INTERVAL '1 hour' RETURNING 1")


def assert_prices_are_true(bench: Bench) -> None:
    """Whatever the provider said meanwhile, no close is far from what it was in the first, sound tick."""
    strayed = """
        SELECT count(*) FROM market.minute_close AS closes
        INNER JOIN (
            SELECT DISTINCT ON (asset_id) asset_id, price_usd FROM market.minute_close ORDER BY asset_id, bucket
        ) AS sound USING (asset_id)
        WHERE closes.price_usd NOT BETWEEN sound.price_usd / 2 AND sound.price_usd * 2
    """
    assert bench.rows(strayed) == [(0,)]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_fault_does_no_harm_is_named_and_passes(bench: Bench, case: Case, provider: str) -> None:
    other = next(name for name in PROVIDERS if name != provider)
    bench.tick()
    forget_how_long_it_took(bench)
    bench.break_provider(case.fault, provider, **case.options)
    for _ in range(case.ticks):
        bench.advance(60)
        report = bench.tick(**case.settings)

    state, observed, refused, reason = bench.slots()[provider]
    wanted = {WHOLE: bench.whole, None: bench.whole - refused}.get(case.stored, case.stored)
    assert (state, observed) == (case.state, wanted)
    assert (reason is None) == (state == "observed")
    assert bench.slots()[other] == ("observed", bench.whole, 0, None)
    assert report.refused == refused
    quarantined = bench.rows("SELECT rule, count(*) FROM ops.quarantine WHERE provider = %s GROUP BY rule", provider)
    assert quarantined == ([(case.rule, refused)] if case.rule else [])
    waiting = "SELECT rule, row_count FROM ops.quarantine_batches WHERE provider = %s"
    assert bench.rows(waiting, provider) == ([(case.waits, refused)] if case.waits else [])
    exceptions = "SELECT count(*) FROM ops.slot_exceptions WHERE provider = %s AND state = 'feed_down'"
    assert bench.rows(exceptions, provider) == [(refused if state == "observed" else 0,)]
    assert_nothing_bad_is_visible(bench)
    assert_prices_are_true(bench)
    said = said_of(bench, provider, **case.settings)
    if case.says is None:
        assert [words for words in said if "last tick" in words] == []
    else:
        assert [words for words in said if case.says in words], said

    bench.world.faults.clear()
    bench.age_limits(3600)
    forget_how_long_it_took(bench)
    bench.advance(60)
    after = bench.tick()
    assert (after.errors, after.refused, after.absent, after.warnings) == ([], 0, 0, [])
    assert bench.slots()[provider] == ("observed", bench.whole, 0, None)
    assert bench.slots(bench.minute - timedelta(minutes=1))[provider] == (state, observed, refused, reason)
    assert_nothing_bad_is_visible(bench)
    assert_prices_are_true(bench)
    said = said_of(bench, provider)
    assert [words for words in said if "last tick" in words or "slow" in words] == []
    # What waits is told until somebody decides, though nothing is wrong any more.
    assert len([words for words in said if case.waits and f": {case.waits}: " in words]) == (case.waits is not None)


def pages(*ranges: tuple[int, int]) -> dict[str, tuple[PlannedCall, ...]]:
    """CoinMarketCap's assets in a call for each (first rank, number of rows)."""
    return {
        "coinmarketcap": tuple(
            PlannedCall(
                provider="coinmarketcap",
                place=0,
                first_rank=first,
                row_count=count,
                units=1,
                cadence_minutes=1,
                phase_minutes=0,
            )
            for first, count in ranges
        )
    }


TWO_PAGES = pages((1, 20), (21, 20))
# More rows than CoinMarketCap gives at once: it refuses the second.
SOUND_AND_REFUSED = pages((1, 20), (21, 6_000))


@pytest.mark.parametrize(
    ("fault", "reason", "says"),
    [
        ("missing_page", "Its page came empty.", "pages came empty"),
        ("repeated_page", "Its page and another came with the same rows.", "pages came with the same rows"),
    ],
)
def test_a_page_that_is_none_costs_only_its_own_assets(bench: Bench, fault: str, reason: str, says: str) -> None:
    bench.tick()
    bench.advance(60)
    bench.break_provider(fault, "coinmarketcap")
    report = bench.tick(calls=TWO_PAGES)
    assert bench.slots()["coinmarketcap"] == ("observed", 20, 0, None)
    assert report.absent == 20
    told = "SELECT state, reason, count(*) FROM ops.slot_exceptions GROUP BY 1, 2"
    assert bench.rows(told) == [("feed_down", reason, 20)]
    expected = "SELECT assets_expected, ranks_asked::text FROM ops.slots WHERE slot = %s"
    assert bench.rows(expected, bench.minute) == [(40, "{[1,41)}")]
    assert [words for words in said_of(bench, "coinmarketcap") if says in words]
    bench.world.faults.clear()
    bench.advance(60)
    assert bench.tick(calls=TWO_PAGES).absent == 0
    assert bench.slots()["coinmarketcap"] == ("observed", 40, 0, None)
    assert [words for words in said_of(bench, "coinmarketcap") if says in words] == []


def test_a_page_that_fails_costs_only_its_own_assets(bench: Bench) -> None:
    bench.tick()
    bench.advance(60)
    report = bench.tick(calls=SOUND_AND_REFUSED)
    assert (report.errors, report.absent) == ([], 20)
    assert bench.slots()["coinmarketcap"] == ("observed", 20, 0, None)
    ((why, count),) = bench.rows("SELECT reason, count(*) FROM ops.slot_exceptions GROUP BY 1")
    assert count == 20
    assert why.startswith("Its page failed: coinmarketcap v1/cryptocurrency/listings/latest (HTTP 400)")
    assert [words for words in said_of(bench, "coinmarketcap") if "20 assets not in the last tick" in words]
    # The very slot is run again, and its assets are there after all.
    assert bench.tick(calls=TWO_PAGES).absent == 0
    assert bench.rows("SELECT count(*) FROM ops.slot_exceptions") == [(0,)]
    assert bench.slots()["coinmarketcap"] == ("observed", 40, 0, None)


def test_an_asset_that_its_page_no_longer_has_is_told_once(bench: Bench) -> None:
    bench.tick()
    ghost = (
        "UPDATE ops.last_samples SET market_cap_rank = 7, asset_id = 9999 WHERE provider = 'coingecko' AND asset_id = 3"
    )
    bench.rows(f"{ghost} RETURNING 1")
    bench.advance(60)
    assert bench.tick().absent == 1
    assert bench.rows("SELECT provider, asset_id, state, reason FROM ops.slot_exceptions") == [
        (
            "coingecko",
            9999,
            "source_has_none",
            "Its page came without it: it moved to another rank, or is no longer listed.",
        )
    ]
    expected = "SELECT assets_expected FROM ops.slots WHERE provider = 'coingecko' AND slot = %s"
    assert bench.rows(expected, bench.minute) == [(bench.whole + 1,)]
    bench.advance(60)
    assert bench.tick().absent == 0
    assert bench.rows(expected, bench.minute) == [(bench.whole,)]


def test_a_first_tick_in_a_wrong_unit_is_refused_by_its_own_market_caps(bench: Bench) -> None:
    bench.break_provider("unit_jump_value", "coingecko")
    bench.tick()
    assert bench.slots()["coingecko"][:2] == ("feed_down", 0)
    assert bench.rows("SELECT DISTINCT rule FROM ops.quarantine_batches") == [("unit_jump",)]
    bench.world.faults.clear()
    bench.advance(60)
    bench.tick()
    assert bench.slots()["coingecko"] == ("observed", bench.whole, 0, None)


def test_values_that_come_back_are_believed_when_the_other_provider_says_so_too(bench: Bench) -> None:
    bench.tick()
    # What stands of one provider is wrong by a factor, as after a first tick in another currency.
    bench.rows("UPDATE ops.last_samples SET price_usd = price_usd * 1000 WHERE provider = 'coingecko' RETURNING 1")
    bench.advance(60)
    report = bench.tick()
    assert report.refused == 0
    assert bench.slots()["coingecko"] == ("observed", bench.whole, 0, None)


def test_both_down_is_an_error_that_the_next_tick_does_not_share(bench: Bench) -> None:
    bench.tick()
    bench.advance(60)
    bench.break_provider("html_for_json")
    with pytest.raises(Exception, match="a page came instead of data"):
        bench.tick(**ONCE)
    assert {name: slot[0] for name, slot in bench.slots().items()} == dict.fromkeys(PROVIDERS, "feed_down")
    expected = "SELECT provider, assets_expected FROM ops.slots WHERE slot = %s"
    assert dict(bench.rows(expected, bench.minute)) == dict.fromkeys(PROVIDERS, bench.whole)
    bench.world.faults.clear()
    bench.advance(60)
    assert bench.tick().errors == []


def test_a_provider_that_hangs_does_not_hold_the_tick_however_often_it_may_be_tried(bench: Bench) -> None:
    bench.tick()
    bench.advance(60)
    bench.break_provider("hang", "coingecko")
    started = time.monotonic()
    bench.tick(http_attempts=4, http_read_timeout_seconds=20, request_seconds=0.5)
    assert time.monotonic() - started < 10, "four times twenty seconds, were it left to the attempts"
    state, _, _, reason = bench.slots()["coingecko"]
    assert (state, "no usable answer within 0.5 s, all attempts together" in reason) == ("feed_down", True)
    assert bench.slots()["coinmarketcap"] == ("observed", bench.whole, 0, None)
    assert bench.rows("SELECT count(*) FROM raw.fetches WHERE error = 'given up before its end'") == [(1,)]


def test_ranks_beyond_the_end_of_the_list_are_no_trouble(bench: Bench) -> None:
    bench.tick()
    bench.advance(60)
    bench.tick(calls=pages((201, 200)))
    why = "The provider answered, and lists nothing in the ranks that were asked."
    assert bench.slots()["coinmarketcap"] == ("confirmed_empty", 0, 0, why)
    assert bench.rows("SELECT assets_expected FROM ops.slots WHERE slot = %s", bench.minute) == [(0,)]
    assert [words for words in said_of(bench, "coinmarketcap") if "last tick" in words] == []
