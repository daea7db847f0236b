"""Asset identity: from what the providers list now and what is known already, the changes to make.

`plan_identity` is total and repeatable: planning again after the plan was carried out changes nothing. Aliases are
dated facts, so a renamed symbol closes one alias and opens the next; nothing is overwritten. An answer older than
what is known of an asset changes nothing about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Literal

from cryptoflow.refine.identity_match import Candidates, Evidence, Likeness, shared_labels, unused_slug

AliasKind = Literal["key", "symbol", "name"]
KINDS: Final[tuple[AliasKind, ...]] = ("key", "symbol", "name")

# Where two providers describe one field, the earlier in this list wins, and keeps the field.
PRIORITY: Final = ("coingecko", "coinmarketcap")
DESCRIPTIVE_FIELDS: Final = (
    "symbol", "name", "kind", "platform", "contract_address", "market_cap_rank", "description", "logo_url",
    "website_url", "twitter_handle", "reddit_url", "github_url", "whitepaper_url", "date_added",
)  # fmt: skip
# More keys than this share gone at once is a broken answer, not a wave of delistings.
SUSPECT_SHARE: Final = 0.10
SUSPECT_COUNT: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One asset as one provider lists it. `fields` holds what it says of DESCRIPTIVE_FIELDS; silence is absence."""

    key: str
    slug: str
    symbol: str
    name: str
    contract_addresses: frozenset[str] = frozenset()
    fields: Mapping[str, object] = field(default_factory=dict)

    @property
    def likeness(self) -> Likeness:
        return Likeness(symbol=self.symbol, name=self.name, contract_addresses=self.contract_addresses)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderListing:
    """A provider's answer: its universe now, and every key that it lists at all (None when it was not asked)."""

    provider: str
    observed_at: datetime
    listings: Sequence[Listing]
    listed_keys: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """A dated alias; in force while `valid_to` is None."""

    slug: str
    provider: str
    kind: AliasKind
    alias: str
    valid_from: datetime
    valid_to: datetime | None = None
    evidence: Evidence = "provider_listing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """An asset's row. `values` holds DESCRIPTIVE_FIELDS, `provenance` the provider of each."""

    slug: str
    values: Mapping[str, object]
    provenance: Mapping[str, str]
    is_active: bool
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityPlan:
    """What to write, and what to tell."""

    created: list[Asset]
    updated: list[Asset]
    opened: list[Alias]
    closed: list[Alias]
    refused: list[str]

    @property
    def renamed(self) -> int:
        """Symbols and names that another one follows."""
        followed = {(alias.slug, alias.provider, alias.kind) for alias in self.opened}
        return sum((alias.slug, alias.provider, alias.kind) in followed for alias in self.closed if alias.kind != "key")


def plan_identity(
    *, assets: Iterable[Asset], aliases: Iterable[Alias], answers: Iterable[ProviderListing]
) -> IdentityPlan:
    """The changes that bring what is known to what the answers say."""
    ledger = _Ledger(assets, aliases)
    for answer in sorted(answers, key=lambda answer: PRIORITY.index(answer.provider)):
        ledger.take_answer(answer)
    return ledger.plan()


class _Ledger:
    """The state that one planning works on."""

    def __init__(self, assets: Iterable[Asset], aliases: Iterable[Alias]) -> None:
        self.before = {asset.slug: asset for asset in assets}
        self.assets = dict(self.before)
        self.in_force: dict[tuple[str, str, AliasKind], Alias] = {}
        self.ever: dict[tuple[str, str], str] = {}
        self.ended: dict[tuple[str, str], datetime] = {}
        for alias in sorted(aliases, key=lambda alias: alias.valid_from):
            if alias.kind == "key":
                self.ever[alias.provider, alias.alias] = alias.slug
            if alias.valid_to is None:
                self.in_force[alias.slug, alias.provider, alias.kind] = alias
            else:
                self.ended[alias.slug, alias.provider] = alias.valid_to
        self.opened: list[Alias] = []
        self.closed: list[Alias] = []
        self.refused: list[str] = []

    def take_answer(self, answer: ProviderListing) -> None:
        unseen = self._candidates(answer)
        shared = shared_labels(listing.likeness for listing in answer.listings)
        for listing in answer.listings:
            slug = self.ever.get((answer.provider, listing.key))
            evidence: Evidence = "provider_listing"
            if slug is not None and self._is_late(slug, answer):
                continue
            if slug is None:
                match = unseen.find(listing.likeness, shared_labels=shared)
                if match:
                    slug, evidence = match.slug, match.evidence
                    unseen.remove(slug)
                else:
                    slug = self._create(answer, listing)
                self.ever[answer.provider, listing.key] = slug
            self._see(slug, answer, listing)
            self._name(slug, answer, listing, evidence)
        self._close_gone(answer)

    def plan(self) -> IdentityPlan:
        active = {slug for slug, _, kind in self.in_force if kind == "key"}
        rows = [replace(asset, is_active=asset.slug in active) for asset in self.assets.values()]
        return IdentityPlan(
            created=[row for row in rows if row.slug not in self.before],
            updated=[row for row in rows if row.slug in self.before and row != self.before[row.slug]],
            opened=self.opened,
            closed=self.closed,
            refused=self.refused,
        )

    def _is_late(self, slug: str, answer: ProviderListing) -> bool:
        """Was more known of the asset before than the answer knew? What this planning itself learnt does not count."""
        known = self.before.get(slug)
        ended = self.ended.get((slug, answer.provider))
        is_seen_since = known is not None and answer.observed_at < known.last_seen_at
        return is_seen_since or (ended is not None and answer.observed_at < ended)

    def _candidates(self, answer: ProviderListing) -> Candidates:
        """Assets that this provider has no key for: its unseen keys may mean them."""
        claimed = {slug for (provider, _), slug in self.ever.items() if provider == answer.provider}
        candidates = Candidates()
        for slug, asset in self.assets.items():
            if slug not in claimed:
                candidates.add(slug, _likeness(asset))
        return candidates

    def _create(self, answer: ProviderListing, listing: Listing) -> str:
        slug = unused_slug(listing.slug, suffix=f"{answer.provider}-{listing.key}", taken=self.assets.keys())
        self.assets[slug] = Asset(
            slug=slug,
            values=dict.fromkeys(DESCRIPTIVE_FIELDS),
            provenance={},
            is_active=True,
            first_seen_at=answer.observed_at,
            last_seen_at=answer.observed_at,
        )
        return slug

    def _see(self, slug: str, answer: ProviderListing, listing: Listing) -> None:
        asset = self.assets[slug]
        news = {"symbol": listing.symbol.upper(), "name": listing.name, **listing.fields}
        taken = {name: value for name, value in news.items() if _may_say(asset, answer, name, value)}
        self.assets[slug] = replace(
            asset,
            values={**asset.values, **taken},
            provenance={**asset.provenance, **dict.fromkeys(taken, answer.provider)},
            first_seen_at=min(asset.first_seen_at, answer.observed_at),
            last_seen_at=max(asset.last_seen_at, answer.observed_at),
        )

    def _name(self, slug: str, answer: ProviderListing, listing: Listing, evidence: Evidence) -> None:
        said: dict[AliasKind, str] = {"key": listing.key, "symbol": listing.symbol, "name": listing.name}
        for kind, alias in said.items():
            standing = self.in_force.get((slug, answer.provider, kind))
            if standing and (standing.alias == alias or answer.observed_at <= standing.valid_from):
                continue
            if standing:
                self._close(standing, answer.observed_at)
            fresh = Alias(
                slug=slug,
                provider=answer.provider,
                kind=kind,
                alias=alias,
                valid_from=answer.observed_at,
                evidence=evidence,
            )
            self.in_force[slug, answer.provider, kind] = fresh
            self.opened.append(fresh)

    def _close_gone(self, answer: ProviderListing) -> None:
        """Close the aliases of keys that the provider lists no more."""
        if answer.listed_keys is None:
            return
        listed = answer.listed_keys | {listing.key for listing in answer.listings}
        keys = [
            alias
            for (_, provider, kind), alias in self.in_force.items()
            if (provider, kind) == (answer.provider, "key")
        ]
        gone = [
            alias
            for alias in keys
            if alias.alias not in listed
            and self._newest_name(alias) < answer.observed_at
            and not self._is_late(alias.slug, answer)
        ]
        if len(gone) > SUSPECT_COUNT and len(gone) > SUSPECT_SHARE * len(keys):
            self.refused.append(
                f"{answer.provider} no longer lists {len(gone)} of {len(keys)} known assets at once; "
                "taken for a broken answer"
            )
            return
        for alias in gone:
            for kind in KINDS:
                standing = self.in_force.pop((alias.slug, answer.provider, kind), None)
                if standing:
                    self._close(standing, answer.observed_at)

    def _newest_name(self, key: Alias) -> datetime:
        """Since when the key's asset is called what it is called: nothing is ended before it has been."""
        of_kinds = (self.in_force.get((key.slug, key.provider, kind)) for kind in KINDS)
        return max(alias.valid_from for alias in of_kinds if alias)

    def _close(self, alias: Alias, instant: datetime) -> None:
        self.in_force.pop((alias.slug, alias.provider, alias.kind), None)
        self.closed.append(replace(alias, valid_to=instant))


def _likeness(asset: Asset) -> Likeness:
    address = asset.values["contract_address"]
    return Likeness(
        symbol=str(asset.values["symbol"]),
        name=str(asset.values["name"]),
        contract_addresses=frozenset([normal_address(str(address))]) if address else frozenset(),
    )


def normal_address(address: str) -> str:
    """An address to compare by: hexadecimal ones are written in either case."""
    return address.casefold() if address.startswith("0x") else address


def _may_say(asset: Asset, answer: ProviderListing, name: str, value: object) -> bool:
    """Silence never overwrites; a lower provider never overwrites a higher one."""
    if value is None or name not in DESCRIPTIVE_FIELDS:
        return False
    holder = asset.provenance.get(name)
    return holder is None or PRIORITY.index(answer.provider) <= PRIORITY.index(holder)
