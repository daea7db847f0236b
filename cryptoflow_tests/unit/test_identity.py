"""Planning identity: who is new, who is meant, who was renamed, who is gone, and what must never happen."""

from __future__ import annotations

import pytest

from cryptoflow.refine.identity import DESCRIPTIVE_FIELDS, normal_address
from cryptoflow_tests.identity_model import KnownWorld, answer, day, is_empty, listed

ALPHA = listed("alpha-id", "alp", "Alpha", market_cap_rank=1)
BETA = listed("beta-id", "BET", "Beta", "0xbb", kind="token")


@pytest.fixture
def world() -> KnownWorld:
    """Alpha and Beta, as CoinGecko told them on day 1."""
    known = KnownWorld()
    known.learn(answer("coingecko", day(1), ALPHA, BETA))
    return known


def test_an_unseen_key_is_a_new_asset_with_three_aliases(world: KnownWorld) -> None:
    assert set(world.assets) == {"alpha", "beta"}
    alpha = world.assets["alpha"]
    assert alpha.values == dict.fromkeys(DESCRIPTIVE_FIELDS) | {"symbol": "ALP", "name": "Alpha", "market_cap_rank": 1}
    assert alpha.provenance == dict.fromkeys(("symbol", "name", "market_cap_rank"), "coingecko")
    assert (alpha.is_active, alpha.first_seen_at, alpha.last_seen_at) == (True, day(1), day(1))
    assert world.names("alpha", "coingecko") == {"key": "alpha-id", "symbol": "alp", "name": "Alpha"}
    assert {alias.evidence for alias in world.aliases} == {"provider_listing"}


def test_a_second_provider_is_joined_by_the_address_of_the_contract(world: KnownWorld) -> None:
    plan = world.learn(answer("coinmarketcap", day(2), listed("7", "BETX", "Beta Exchange", "0xbb")))
    assert (plan.created, set(world.assets)) == ([], {"alpha", "beta"})
    assert world.names("beta", "coinmarketcap") == {"key": "7", "symbol": "BETX", "name": "Beta Exchange"}
    assert {alias.evidence for alias in plan.opened} == {"contract_address"}


def test_a_second_provider_is_joined_by_symbol_and_name(world: KnownWorld) -> None:
    plan = world.learn(answer("coinmarketcap", day(2), listed("8", "ALP", "ALPHA")))
    assert plan.created == []
    assert world.names("alpha", "coinmarketcap")["key"] == "8"
    assert {alias.evidence for alias in plan.opened} == {"symbol_and_name"}


def test_both_providers_are_joined_in_one_planning_whatever_their_order() -> None:
    known = KnownWorld()
    answers = (answer("coinmarketcap", day(1), listed("8", "ALP", "ALPHA")), answer("coingecko", day(1), ALPHA))
    plan = known.learn(*answers)
    assert [asset.slug for asset in plan.created] == ["alpha"]
    assert known.assets["alpha"].provenance["name"] == "coingecko"
    assert known.names("alpha", "coinmarketcap")["key"] == "8"


def test_ambiguous_listings_stay_apart(world: KnownWorld) -> None:
    twins = (listed("8", "ALP", "Alpha"), listed("9", "ALP", "Alpha"))
    plan = world.learn(answer("coinmarketcap", day(2), *twins))
    assert [asset.slug for asset in plan.created] == ["alpha-coinmarketcap-8", "alpha-coinmarketcap-9"]
    assert world.names("alpha", "coinmarketcap") == {}


def test_two_different_contracts_stay_apart(world: KnownWorld) -> None:
    plan = world.learn(answer("coinmarketcap", day(2), listed("8", "BET", "Beta", "0xcc")))
    assert [asset.slug for asset in plan.created] == ["beta-coinmarketcap-8"]


def test_one_asset_is_not_given_to_two_listings(world: KnownWorld) -> None:
    twins = (listed("8", "X", "First", "0xbb"), listed("9", "Y", "Second", "0xbb"))
    world.learn(answer("coinmarketcap", day(2), *twins))
    assert world.names("beta", "coinmarketcap")["key"] == "8"
    assert world.names("second", "coinmarketcap")["key"] == "9"


def test_a_new_slug_never_takes_the_place_of_a_known_asset(world: KnownWorld) -> None:
    before = dict(world.assets)
    world.learn(answer("coingecko", day(2), ALPHA, BETA, listed("other", "OTH", "Alpha")))
    assert world.assets["alpha"].values == before["alpha"].values
    assert world.assets["alpha-coingecko-other"].values["symbol"] == "OTH"


def test_a_rename_closes_one_alias_and_opens_the_next(world: KnownWorld) -> None:
    plan = world.learn(answer("coingecko", day(5), listed("alpha-id", "alx", "Alpha X"), BETA))
    assert plan.renamed == 2
    assert world.history("alpha", "coingecko", "symbol") == [("alp", day(1), day(5)), ("alx", day(5), None)]
    assert world.history("alpha", "coingecko", "name") == [("Alpha", day(1), day(5)), ("Alpha X", day(5), None)]
    assert world.history("alpha", "coingecko", "key") == [("alpha-id", day(1), None)]
    assert world.assets["alpha"].values["symbol"] == "ALX"


def test_a_key_that_vanished_is_closed_with_its_names(world: KnownWorld) -> None:
    plan = world.learn(answer("coingecko", day(5), BETA))
    assert {(alias.kind, alias.valid_to) for alias in plan.closed} == {
        (kind, day(5)) for kind in ("key", "symbol", "name")
    }
    assert plan.renamed == 0
    alpha = world.assets["alpha"]
    assert (alpha.is_active, alpha.last_seen_at) == (False, day(1))
    assert world.assets["beta"].is_active


def test_what_an_instant_began_it_does_not_end(world: KnownWorld) -> None:
    """Two answers of one instant that contradict each other: the next one decides."""
    world.learn(answer("coingecko", day(5), listed("alpha-id", "alx", "Alpha X"), BETA))
    assert world.learn(answer("coingecko", day(5), BETA)).closed == []
    assert len(world.learn(answer("coingecko", day(6), BETA)).closed) == 3


def test_an_asset_stays_active_while_another_provider_lists_it(world: KnownWorld) -> None:
    world.learn(answer("coinmarketcap", day(2), listed("8", "ALP", "Alpha")))
    world.learn(answer("coingecko", day(5), BETA))
    assert world.names("alpha", "coingecko") == {}
    assert world.assets["alpha"].is_active


def test_a_key_that_comes_back_means_the_same_asset(world: KnownWorld) -> None:
    world.learn(answer("coingecko", day(5), BETA))
    plan = world.learn(answer("coingecko", day(9), listed("alpha-id", "NEW", "Something Else"), BETA))
    assert plan.created == []
    assert world.history("alpha", "coingecko", "key") == [("alpha-id", day(1), day(5)), ("alpha-id", day(9), None)]
    assert world.assets["alpha"].is_active


def test_a_key_outside_the_universe_that_is_still_listed_is_not_gone(world: KnownWorld) -> None:
    assert world.learn(answer("coingecko", day(5), BETA, also_listed=["alpha-id"])).closed == []


def test_nothing_is_gone_when_the_provider_was_not_asked_for_all_keys(world: KnownWorld) -> None:
    assert world.learn(answer("coingecko", day(5), BETA, also_listed=None)).closed == []


def many(count: int) -> list[tuple[str, str, str]]:
    return [(f"key-{number}", f"S{number}", f"Name {number}") for number in range(count)]


@pytest.mark.parametrize(
    ("known", "gone", "refused"),
    [(100, 10, False), (100, 11, True), (10, 5, False), (10, 6, True), (10, 10, True), (3, 3, False)],
)
def test_too_many_gone_at_once_is_taken_for_a_broken_answer(known: int, gone: int, refused: bool) -> None:
    world = KnownWorld()
    everybody = [listed(*words) for words in many(known)]
    world.learn(answer("coingecko", day(1), *everybody))
    plan = world.learn(answer("coingecko", day(2), *everybody[gone:]))
    assert len([alias for alias in plan.closed if alias.kind == "key"]) == (0 if refused else gone)
    told = [f"coingecko no longer lists {gone} of {known} known assets at once; taken for a broken answer"]
    assert plan.refused == (told if refused else [])


def test_what_one_provider_no_longer_lists_does_not_count_for_the_other() -> None:
    world = KnownWorld()
    world.learn(answer("coingecko", day(1), *(listed(*words) for words in many(20))), answer("coinmarketcap", day(1)))
    assert is_empty(world.plan(answer("coinmarketcap", day(2))))


@pytest.mark.parametrize(
    "late",
    [
        answer("coingecko", day(2), listed("alpha-id", "OLD", "Older", market_cap_rank=9), BETA),
        answer("coingecko", day(2), BETA),
        answer("coingecko", day(2)),
        answer("coingecko", day(0), listed("alpha-id", "OLD", "Older"), BETA),
    ],
    ids=["other names", "one is missing", "all are missing", "before the first sighting"],
)
def test_an_answer_older_than_what_is_known_changes_nothing(world: KnownWorld, late: object) -> None:
    world.learn(answer("coingecko", day(5), listed("alpha-id", "alx", "Alpha X"), BETA))
    assert is_empty(world.plan(late))  # type: ignore[arg-type]


def test_an_answer_from_before_a_key_was_closed_does_not_open_it_again(world: KnownWorld) -> None:
    world.learn(answer("coingecko", day(5), BETA))
    assert is_empty(world.plan(answer("coingecko", day(3), ALPHA, also_listed=["beta-id"])))


def test_the_slower_provider_of_one_collection_does_not_make_the_other_late(world: KnownWorld) -> None:
    told = {"website_url": "https://one.example", "description": "first words"}
    world.learn(
        answer("coingecko", day(2.5), ALPHA, BETA),
        answer("coinmarketcap", day(2.1), listed("8", "ALP", "Alpha", **told)),
    )
    later = {"website_url": "https://two.example"}
    world.learn(
        answer("coingecko", day(3.5), ALPHA, BETA),
        answer("coinmarketcap", day(3.1), listed("8", "ALPX", "Alpha", **later)),
    )
    assert world.assets["alpha"].values["website_url"] == "https://two.example"
    assert world.names("alpha", "coinmarketcap")["symbol"] == "ALPX"
    world.learn(answer("coingecko", day(4.5), ALPHA, BETA), answer("coinmarketcap", day(4.1)))
    assert world.names("alpha", "coinmarketcap") == {}


def test_silence_never_overwrites(world: KnownWorld) -> None:
    world.learn(answer("coingecko", day(2), listed("alpha-id", "alp", "Alpha", market_cap_rank=None), BETA))
    assert world.assets["alpha"].values["market_cap_rank"] == 1


def test_a_lower_provider_fills_gaps_and_never_overwrites_a_higher_one(world: KnownWorld) -> None:
    fields = {"market_cap_rank": 99, "description": "told by the lower"}
    world.learn(answer("coinmarketcap", day(2), listed("8", "ALP", "Alpha", **fields)))
    alpha = world.assets["alpha"]
    assert (alpha.values["market_cap_rank"], alpha.provenance["market_cap_rank"]) == (1, "coingecko")
    assert (alpha.values["description"], alpha.provenance["description"]) == ("told by the lower", "coinmarketcap")
    world.learn(answer("coingecko", day(3), listed("alpha-id", "alp", "Alpha", description="told by the higher"), BETA))
    assert world.assets["alpha"].values["description"] == "told by the higher"
    assert world.assets["alpha"].provenance["description"] == "coingecko"


def test_words_that_are_no_field_are_left_out(world: KnownWorld) -> None:
    world.learn(answer("coingecko", day(2), listed("alpha-id", "alp", "Alpha", is_active=False, spare="x"), BETA))
    assert set(world.assets["alpha"].values) == set(DESCRIPTIVE_FIELDS)
    assert world.assets["alpha"].is_active


def test_planning_again_after_the_plan_was_carried_out_changes_nothing(world: KnownWorld) -> None:
    answers = (
        answer("coinmarketcap", day(3), listed("8", "ALP", "Alpha"), listed("9", "NEW", "Newcomer")),
        answer("coingecko", day(2), listed("alpha-id", "alx", "Alpha X")),
    )
    assert not is_empty(world.learn(*answers))
    assert is_empty(world.plan(*answers))
    assert is_empty(world.plan(*reversed(answers)))


def test_a_second_identical_answer_only_moves_the_last_sighting(world: KnownWorld) -> None:
    before = dict(world.assets)
    plan = world.learn(answer("coingecko", day(2), ALPHA, BETA))
    assert (plan.created, plan.opened, plan.closed) == ([], [], [])
    assert {asset.slug for asset in plan.updated} == {"alpha", "beta"}
    for slug, asset in world.assets.items():
        assert asset.last_seen_at == day(2)
        assert (asset.values, asset.first_seen_at) == (before[slug].values, before[slug].first_seen_at)


def test_addresses_in_hexadecimal_are_compared_without_case() -> None:
    assert normal_address("0xAbC") == "0xabc"
    assert normal_address("So1aNaBase58") == "So1aNaBase58"
    world = KnownWorld()
    world.learn(answer("coingecko", day(1), listed("beta-id", "BET", "Beta", "0xABCD")))
    world.learn(answer("coinmarketcap", day(2), listed("7", "OTHER", "Other", "0xabcd")))
    assert set(world.assets) == {"beta"}
