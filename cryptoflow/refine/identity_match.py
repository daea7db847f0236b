"""Which known asset does a provider's listing mean, when its key was never seen before?

Two providers share no key, so an unseen key is matched by evidence, strongest first: the address of a contract,
then symbol and name together. Evidence counts only when it is unambiguous on both sides; otherwise the listing is a new
asset, because joining two assets wrongly mixes their prices, while keeping one asset twice can be mended by hand.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import chain, count
from typing import Literal

Evidence = Literal["provider_listing", "contract_address", "symbol_and_name", "manual"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """What an asset or a listing can be recognised by."""

    symbol: str
    name: str
    contract_addresses: frozenset[str] = frozenset()

    @property
    def label(self) -> tuple[str, str]:
        """Symbol and name without case, spaces and punctuation."""
        return self.symbol.upper(), re.sub(r"[\W_]+", "", self.name.casefold())


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The asset that is meant, and why."""

    slug: str
    evidence: Evidence


@dataclass(slots=True)
class Candidates:
    """The assets that a provider's unseen keys may mean, findable by address and by label."""

    by_address: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    by_label: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    addresses: dict[str, frozenset[str]] = field(default_factory=dict)

    def add(self, slug: str, likeness: Likeness) -> None:
        """Offer an asset."""
        for address in likeness.contract_addresses:
            self.by_address[address].add(slug)
        self.by_label[likeness.label].add(slug)
        self.addresses[slug] = likeness.contract_addresses

    def remove(self, slug: str) -> None:
        """Take an asset back: a listing has claimed it."""
        self.addresses.pop(slug, None)

    def find(self, listing: Likeness, *, shared_labels: frozenset[tuple[str, str]]) -> Match | None:
        """The one asset that the listing means, or None."""
        by_address = {s for a in listing.contract_addresses for s in self.by_address.get(a, ()) if s in self.addresses}
        if len(by_address) == 1:
            return Match(slug=by_address.pop(), evidence="contract_address")
        # A name of signs alone says nothing to compare by.
        if by_address or not listing.label[1] or listing.label in shared_labels:
            return None
        by_label = {s for s in self.by_label.get(listing.label, ()) if s in self.addresses}
        if len(by_label) != 1:
            return None
        slug = by_label.pop()
        # Two different contracts are two different assets, whatever they call themselves.
        if listing.contract_addresses and self.addresses[slug]:
            return None
        return Match(slug=slug, evidence="symbol_and_name")


def shared_labels(likenesses: Iterable[Likeness]) -> frozenset[tuple[str, str]]:
    """Labels that several listings of one answer share; they identify nothing."""
    counts = Counter(likeness.label for likeness in likenesses)
    return frozenset(label for label, count in counts.items() if count > 1)


def unused_slug(wanted: str, *, suffix: str, taken: Collection[str]) -> str:
    """The wanted slug; when other assets have it, with the suffix and, if need be, a number."""
    base = _slug(wanted) or "asset"
    candidates = chain([base, f"{base}-{_slug(suffix)}"], (f"{base}-{_slug(suffix)}-{n}" for n in count(2)))
    return next(slug for slug in candidates if slug not in taken)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", text.casefold()).strip("-")
