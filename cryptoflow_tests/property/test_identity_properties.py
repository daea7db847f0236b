"""Identity under any sequence of answers: it settles, never contradicts itself, and loses nobody.

The universe is small on purpose, so that keys, symbols, names and contracts collide all the time.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from cryptoflow.refine.identity import Alias, Listing, ProviderListing
from cryptoflow_tests.identity_model import START, KnownWorld, day, is_empty, listed

PROVIDERS = ("coingecko", "coinmarketcap")
KEYS = ("k1", "k2", "k3", "k4")
LATEST = day(100)


@st.composite
def listings(draw: st.DrawFn) -> list[Listing]:
    """Some of the keys, each once, under any symbol, name and contract."""
    keys = draw(st.lists(st.sampled_from(KEYS), unique=True))
    return [
        listed(
            key,
            draw(st.sampled_from(("AAA", "aaa", "BBB"))),
            draw(st.sampled_from(("One", "O n e", "Two", "!"))),
            *draw(st.lists(st.sampled_from(("0xa", "0xb")), max_size=1)),
            market_cap_rank=draw(st.sampled_from((None, 1, 2))),
        )
        for key in keys
    ]


@st.composite
def answers(draw: st.DrawFn) -> list[ProviderListing]:
    """What one collection hears: from one provider or both, at instants of their own, in any order of days."""
    heard = []
    at = draw(st.integers(min_value=1, max_value=8))
    for provider in draw(st.lists(st.sampled_from(PROVIDERS), unique=True, min_size=1)):
        universe = draw(listings())
        everybody = st.none() | st.frozensets(st.sampled_from(KEYS))
        seconds = draw(st.integers(min_value=0, max_value=2))
        heard.append(
            ProviderListing(
                provider=provider,
                observed_at=day(at) + timedelta(seconds=seconds),
                listings=universe,
                listed_keys=draw(everybody),
            )
        )
    return heard


SEQUENCES = st.lists(answers(), min_size=1, max_size=6)


def overlap(one: Alias, other: Alias) -> bool:
    def end(alias: Alias) -> datetime:
        return alias.valid_to or LATEST

    return one.valid_from < end(other) and other.valid_from < end(one)


def contradictions(world: KnownWorld) -> list[tuple[Alias, Alias]]:
    """Pairs that the exclusion constraints of the database would refuse."""
    pairs = [(a, b) for place, a in enumerate(world.aliases) for b in world.aliases[:place] if overlap(a, b)]
    return [
        (a, b)
        for a, b in pairs
        if (a.kind == b.kind == "key" and (a.provider, a.alias) == (b.provider, b.alias))
        or (a.slug, a.provider, a.kind) == (b.slug, b.provider, b.kind)
    ]


@settings(max_examples=150, deadline=None)
@given(SEQUENCES)
def test_planning_again_after_each_step_changes_nothing(sequence: list[list[ProviderListing]]) -> None:
    world = KnownWorld()
    for heard in sequence:
        world.learn(*heard)
        assert is_empty(world.plan(*heard))


@settings(max_examples=150, deadline=None)
@given(SEQUENCES)
def test_aliases_never_overlap_and_every_period_is_a_period(sequence: list[list[ProviderListing]]) -> None:
    world = KnownWorld()
    for heard in sequence:
        world.learn(*heard)
        assert contradictions(world) == []
        assert [alias for alias in world.aliases if alias.valid_to and alias.valid_to <= alias.valid_from] == []


@settings(max_examples=150, deadline=None)
@given(SEQUENCES)
def test_no_asset_and_no_past_alias_ever_disappears(sequence: list[list[ProviderListing]]) -> None:
    world = KnownWorld()
    for heard in sequence:
        slugs, begun = set(world.assets), {(a.slug, a.provider, a.kind, a.alias, a.valid_from) for a in world.aliases}
        world.learn(*heard)
        assert slugs <= set(world.assets)
        assert begun <= {(a.slug, a.provider, a.kind, a.alias, a.valid_from) for a in world.aliases}


@settings(max_examples=150, deadline=None)
@given(SEQUENCES)
def test_a_key_means_one_asset_for_ever(sequence: list[list[ProviderListing]]) -> None:
    world = KnownWorld()
    for heard in sequence:
        world.learn(*heard)
    meant: dict[tuple[str, str], set[str]] = {}
    for alias in world.aliases:
        if alias.kind == "key":
            meant.setdefault((alias.provider, alias.alias), set()).add(alias.slug)
    assert [key for key, slugs in meant.items() if len(slugs) > 1] == []


@settings(max_examples=150, deadline=None)
@given(SEQUENCES)
def test_an_asset_is_active_exactly_while_a_key_is_in_force(sequence: list[list[ProviderListing]]) -> None:
    world = KnownWorld()
    for heard in sequence:
        world.learn(*heard)
        in_force = {alias.slug for alias in world.aliases if alias.kind == "key" and alias.valid_to is None}
        assert {slug for slug, asset in world.assets.items() if asset.is_active} == in_force
        assert all(START < asset.first_seen_at <= asset.last_seen_at for asset in world.assets.values())


@settings(max_examples=100, deadline=None)
@given(SEQUENCES, SEQUENCES)
def test_what_a_higher_provider_said_is_never_replaced_by_a_lower(
    first: list[list[ProviderListing]], then: list[list[ProviderListing]]
) -> None:
    world = KnownWorld()
    for heard in first:
        world.learn(*heard)
    before = dict(world.assets)
    for heard in then:
        world.learn(*(answer for answer in heard if answer.provider == "coinmarketcap"))
    for slug, asset in before.items():
        held = [name for name, provider in asset.provenance.items() if provider == "coingecko"]
        assert {name: world.assets[slug].values[name] for name in held} == {name: asset.values[name] for name in held}
