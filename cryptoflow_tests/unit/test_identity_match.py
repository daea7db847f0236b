"""Recognising an asset by evidence: unambiguous on both sides, or not at all."""

from __future__ import annotations

import pytest

from cryptoflow.refine.identity_match import Candidates, Likeness, Match, shared_labels, unused_slug

ALPHA = Likeness(symbol="ALP", name="Alpha")
NOBODY: frozenset[tuple[str, str]] = frozenset()


def alike(symbol: str, name: str, *addresses: str) -> Likeness:
    return Likeness(symbol=symbol, name=name, contract_addresses=frozenset(addresses))


def found(
    listing: Likeness, *, among: dict[str, Likeness], shared: frozenset[tuple[str, str]] = NOBODY
) -> Match | None:
    candidates = Candidates()
    for slug, likeness in among.items():
        candidates.add(slug, likeness)
    return candidates.find(listing, shared_labels=shared)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (("USDC", "USD Coin"), ("usdc", "USDCoin")),
        (("ABC", "A.B_C-d (E)"), ("abc", "abcde")),
        (("X", "Straße"), ("x", "STRASSE")),
        (("币安", "币安人生"), ("币安", "币安 人生")),
    ],
)
def test_labels_ignore_case_spaces_and_signs(left: tuple[str, str], right: tuple[str, str]) -> None:
    assert alike(*left).label == alike(*right).label


def test_the_address_of_a_contract_is_the_strongest_evidence() -> None:
    match = found(alike("NEW", "Renamed", "0xaa"), among={"old": alike("OLD", "Before", "0xaa"), "b": ALPHA})
    assert match == Match(slug="old", evidence="contract_address")


def test_symbol_and_name_together_suffice_when_one_side_has_no_address() -> None:
    assert found(ALPHA, among={"a": ALPHA}) == Match(slug="a", evidence="symbol_and_name")
    assert found(alike("ALP", "Alpha", "0xaa"), among={"a": ALPHA}) == Match(slug="a", evidence="symbol_and_name")


@pytest.mark.parametrize("listing", [alike("ALP", "Alphabet"), alike("ALF", "Alpha")])
def test_symbol_or_name_alone_do_not_suffice(listing: Likeness) -> None:
    assert found(listing, among={"a": ALPHA}) is None


def test_two_different_contracts_are_never_joined() -> None:
    assert found(alike("ALP", "Alpha", "0xbb"), among={"a": alike("ALP", "Alpha", "0xaa")}) is None


def test_an_address_that_two_assets_share_identifies_neither() -> None:
    among = {"a": alike("ALP", "Alpha", "0xaa"), "b": alike("BET", "Beta", "0xaa")}
    assert found(alike("ALP", "Alpha", "0xaa"), among=among) is None


def test_a_label_that_two_assets_share_identifies_neither() -> None:
    assert found(ALPHA, among={"a": ALPHA, "b": ALPHA}) is None


def test_a_label_that_two_listings_share_identifies_neither() -> None:
    shared = shared_labels([ALPHA, alike("alp", "ALPHA"), alike("BET", "Beta")])
    assert shared == {("ALP", "alpha")}
    assert found(ALPHA, among={"a": ALPHA}, shared=shared) is None


def test_a_name_of_signs_alone_identifies_nothing() -> None:
    assert found(alike("X", "!!!"), among={"a": alike("X", "???")}) is None


def test_a_claimed_asset_is_offered_no_more() -> None:
    candidates = Candidates()
    candidates.add("a", alike("ALP", "Alpha", "0xaa"))
    candidates.remove("a")
    assert candidates.find(alike("ALP", "Alpha", "0xaa"), shared_labels=NOBODY) is None
    assert candidates.find(ALPHA, shared_labels=NOBODY) is None


@pytest.mark.parametrize(
    ("wanted", "taken", "slug"),
    [
        ("bitcoin", [], "bitcoin"),
        ("Wrapped Bitcoin (BTC)", [], "wrapped-bitcoin-btc"),
        ("bitcoin", ["bitcoin"], "bitcoin-cmc-7"),
        ("bitcoin", ["bitcoin", "bitcoin-cmc-7"], "bitcoin-cmc-7-2"),
        ("bitcoin", ["bitcoin", "bitcoin-cmc-7", "bitcoin-cmc-7-2"], "bitcoin-cmc-7-3"),
        ("!!!", [], "asset"),
        ("币安人生", ["asset"], "asset-cmc-7"),
    ],
)
def test_a_slug_is_readable_and_never_anothers(wanted: str, taken: list[str], slug: str) -> None:
    assert unused_slug(wanted, suffix="cmc 7", taken=taken) == slug
