"""Identity in the real tables: plans are carried out, constraints refuse contradictions, nothing is lost on the way."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from cryptoflow.refine.identity import Alias, IdentityPlan, Listing, ProviderListing, plan_identity
from cryptoflow.warehouse import assets
from cryptoflow.warehouse.catalog_proof import newest_sighting_age, orphaned_assets
from cryptoflow.warehouse.pool import transaction
from cryptoflow_tests.identity_model import answer, day, is_empty, listed

ALPHA = listed("alpha-id", "ALP", "Alpha", market_cap_rank=1, kind="coin")
BETA = listed("beta-id", "BET", "Beta", "0xbb", kind="token", platform="ethereum")


def plan_of(database_url: str, *answers: ProviderListing) -> IdentityPlan:
    with transaction(database_url) as connection:
        known = assets.known_assets(connection), assets.known_aliases(connection)
    return plan_identity(assets=known[0], aliases=known[1], answers=answers)


def learn(database_url: str, *answers: ProviderListing) -> IdentityPlan:
    plan = plan_of(database_url, *answers)
    with transaction(database_url) as connection:
        assets.lock_identity(connection)
        assets.carry_out(connection, plan)
    return plan


def rows(database_url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database_url, options="-c timezone=UTC") as connection:
        return connection.execute(query).fetchall()


ALIASES = (
    "SELECT slug, known.kind, alias, valid_from, valid_to FROM market.asset_aliases AS known"
    " JOIN market.assets USING (asset_id)"
    " WHERE provider = 'coingecko' ORDER BY slug, known.kind, valid_from"
)


def test_a_first_answer_makes_assets_and_aliases(database_url: str) -> None:
    learn(database_url, answer("coingecko", day(1), ALPHA, BETA))
    assert rows(
        database_url,
        "SELECT slug, symbol, name, kind, platform, contract_address, market_cap_rank, is_active, first_seen_at,"
        " last_seen_at, provenance->>'platform' FROM market.assets ORDER BY slug",
    ) == [
        ("alpha", "ALP", "Alpha", "coin", None, None, 1, True, day(1), day(1), None),
        ("beta", "BET", "Beta", "token", "ethereum", "0xbb", None, True, day(1), day(1), "coingecko"),
    ]
    assert rows(database_url, ALIASES)[:3] == [
        ("alpha", "key", "alpha-id", day(1), None),
        ("alpha", "name", "Alpha", day(1), None),
        ("alpha", "symbol", "ALP", day(1), None),
    ]
    with transaction(database_url) as connection:
        assert assets.count_assets(connection) == (2, 2)


def test_what_is_read_back_is_what_was_planned(database_url: str) -> None:
    fields = {
        "date_added": "2013-04-28T00:00:00Z", "description": "words", "logo_url": "l", "website_url": "w",
        "twitter_handle": "t", "reddit_url": "r", "github_url": "g", "whitepaper_url": "p",
    }  # fmt: skip
    plan = learn(database_url, answer("coingecko", day(1), listed("a", "ALP", "Alpha", "0xaa", **fields)))
    with transaction(database_url) as connection:
        assert assets.known_assets(connection) == plan.created
        assert sorted(assets.known_aliases(connection), key=str) == sorted(plan.opened, key=str)


def test_a_second_identical_answer_only_moves_the_last_sighting(database_url: str) -> None:
    learn(database_url, answer("coingecko", day(1), ALPHA, BETA))
    columns = "asset_id, slug, symbol, provenance, is_active, first_seen_at, created_at"
    before = rows(database_url, f"SELECT {columns} FROM market.assets ORDER BY slug"), rows(database_url, ALIASES)
    learn(database_url, answer("coingecko", day(2), ALPHA, BETA))
    after = rows(database_url, f"SELECT {columns} FROM market.assets ORDER BY slug"), rows(database_url, ALIASES)
    assert after == before
    assert rows(database_url, "SELECT DISTINCT last_seen_at, updated_at > created_at FROM market.assets") == [
        (day(2), True)
    ]


def test_carrying_a_plan_out_settles_it(database_url: str) -> None:
    first = answer("coingecko", day(2.5), ALPHA, BETA)
    second = answer("coinmarketcap", day(2.1), listed("7", "ALP", "Alpha", date_added="2013-04-28T00:00:00Z"))
    learn(database_url, first, second)
    assert is_empty(plan_of(database_url, first, second))
    assert rows(database_url, "SELECT count(*) FROM market.assets") == [(2,)]


def test_a_rename_keeps_dated_aliases(database_url: str) -> None:
    learn(database_url, answer("coingecko", day(1), ALPHA))
    learn(database_url, answer("coingecko", day(5), listed("alpha-id", "ALX", "Alpha")))
    assert rows(database_url, ALIASES) == [
        ("alpha", "key", "alpha-id", day(1), None),
        ("alpha", "name", "Alpha", day(1), None),
        ("alpha", "symbol", "ALP", day(1), day(5)),
        ("alpha", "symbol", "ALX", day(5), None),
    ]
    at_day_3 = (
        "SELECT alias FROM market.asset_aliases WHERE kind = 'symbol'"
        " AND validity @> '2026-01-04T00:00:00Z'::timestamptz"
    )
    assert rows(database_url, at_day_3) == [("ALP",)]


def test_gone_and_back_is_one_asset_with_two_periods(database_url: str) -> None:
    learn(database_url, answer("coingecko", day(1), ALPHA, BETA))
    learn(database_url, answer("coingecko", day(5), BETA))
    assert rows(database_url, "SELECT slug FROM market.assets WHERE NOT is_active") == [("alpha",)]
    # Nothing but the key says that it is the same.
    learn(database_url, answer("coingecko", day(9), listed("alpha-id", "NEW", "Renamed meanwhile"), BETA))
    assert rows(database_url, ALIASES)[:2] == [
        ("alpha", "key", "alpha-id", day(1), day(5)),
        ("alpha", "key", "alpha-id", day(9), None),
    ]
    assert rows(database_url, "SELECT count(*), count(*) FILTER (WHERE is_active) FROM market.assets") == [(2, 2)]


def test_a_symbol_may_mean_many_assets(database_url: str) -> None:
    twins = [listed(f"pepe-{number}", "PEPE", "Pepe") for number in range(5)]
    learn(database_url, answer("coingecko", day(1), *twins))
    assert rows(database_url, "SELECT count(DISTINCT asset_id) FROM market.asset_aliases WHERE alias = 'PEPE'") == [
        (5,)
    ]
    assert rows(database_url, "SELECT count(DISTINCT slug) FROM market.assets") == [(5,)]


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("币安人生 \U0001f680", None),
        ("'; DROP TABLE market.assets; --", None),
        ('quotes " and \\ and %s %(rows)s {} $1', None),
        ("\u202eright to left\u202c \u0301\u0301", None),
        ("\x01\x1f\x7f line\nbreak\ttab", None),
        ("x" * 5_000, None),
        ("nul \0 inside", "nul \u2400 inside"),
    ],
    ids=["emoji", "sql", "quotes", "marks", "controls", "long", "nul"],
)
def test_odd_names_are_kept_as_they_came(database_url: str, text: str, stored: str | None) -> None:
    odd = Listing(key=f"key {text}", slug=text, symbol="ODD", name=text, fields={"description": text})
    learn(database_url, answer("coingecko", day(1), odd))
    kept = stored or text
    assert rows(database_url, "SELECT name, description FROM market.assets") == [(kept, kept)]
    assert rows(database_url, "SELECT alias FROM market.asset_aliases WHERE kind = 'key'") == [(f"key {kept}",)]
    if stored is None:
        assert is_empty(plan_of(database_url, answer("coingecko", day(1), odd)))


def opened(slug: str, alias: str, *, kind: str = "key", at: float = 1, provider: str = "coingecko") -> Alias:
    return Alias(slug=slug, provider=provider, kind=kind, alias=alias, valid_from=day(at))  # type: ignore[arg-type]


def carry_out(database_url: str, *aliases: Alias) -> None:
    with transaction(database_url) as connection:
        plan = IdentityPlan(created=[], updated=[], opened=list(aliases), closed=[], refused=[])
        assets.carry_out(connection, plan)


def test_a_key_cannot_mean_two_assets_at_a_time(database_url: str) -> None:
    learn(database_url, answer("coingecko", day(1), ALPHA, BETA))
    learn(database_url, answer("coingecko", day(5), ALPHA))
    carry_out(database_url, opened("alpha", "beta-id", kind="symbol", provider="other", at=3))
    with pytest.raises(psycopg.errors.ExclusionViolation, match="one_asset_per_key"):
        carry_out(database_url, opened("beta", "alpha-id", at=7))
    with pytest.raises(psycopg.errors.ExclusionViolation, match=r"one_asset_per_key|one_alias_per_kind"):
        carry_out(database_url, opened("beta", "beta-id", at=3))
    carry_out(database_url, opened("beta", "beta-id", at=5))


@pytest.mark.parametrize("kind", ["key", "symbol", "name"])
def test_an_asset_has_one_alias_of_a_kind_at_a_time_with_each_provider(database_url: str, kind: str) -> None:
    learn(database_url, answer("coingecko", day(1), ALPHA))
    with pytest.raises(psycopg.errors.ExclusionViolation, match="one_alias_per_kind"):
        carry_out(database_url, opened("alpha", "another", kind=kind, at=3))
    carry_out(database_url, opened("alpha", "another", kind=kind, at=3, provider="coinmarketcap"))


def test_a_refused_plan_leaves_nothing_behind(database_url: str) -> None:
    learn(database_url, answer("coingecko", day(1), ALPHA))
    plan = plan_of(database_url, answer("coingecko", day(2), ALPHA, BETA))
    broken = IdentityPlan(
        created=plan.created,
        updated=plan.updated,
        opened=[*plan.opened, opened("beta", "alpha-id")],
        closed=[],
        refused=[],
    )
    with pytest.raises(psycopg.errors.ExclusionViolation), transaction(database_url) as connection:
        assets.carry_out(connection, broken)
    assert rows(database_url, "SELECT slug, last_seen_at FROM market.assets") == [("alpha", day(1))]


def test_a_period_that_ends_before_it_begins_is_refused(database_url: str) -> None:
    learn(database_url, answer("coingecko", day(5), ALPHA))
    closed = Alias(slug="alpha", provider="coingecko", kind="key", alias="alpha-id", valid_from=day(5), valid_to=day(4))
    plan = IdentityPlan(created=[], updated=[], opened=[], closed=[closed], refused=[])
    with pytest.raises(psycopg.errors.DataException), transaction(database_url) as connection:
        assets.carry_out(connection, plan)


def test_only_one_identity_is_planned_at_a_time(database_url: str) -> None:
    with transaction(database_url) as connection, psycopg.connect(database_url) as other:
        assets.lock_identity(connection)
        other.execute("SET LOCAL lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute("SELECT pg_advisory_xact_lock(%s)", (assets._LOCK_KEY,))
        other.rollback()
        connection.commit()
        other.execute("SELECT pg_advisory_xact_lock(%s)", (assets._LOCK_KEY,))


def test_orphans_and_the_newest_sighting_are_found(database_url: str) -> None:
    assert newest_sighting_age(database_url) is None
    learn(database_url, answer("coingecko", day(1), ALPHA, BETA))
    assert orphaned_assets(database_url) == []
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE market.asset_aliases SET valid_to = now() WHERE alias = 'beta-id'")
    assert orphaned_assets(database_url) == ["beta"]
    age = newest_sighting_age(database_url)
    assert age is not None
    assert rows(database_url, "SELECT extract(epoch FROM now() - last_seen_at)::int FROM market.assets LIMIT 1")[0][
        0
    ] == pytest.approx(age.total_seconds(), abs=5)
