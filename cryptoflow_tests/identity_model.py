"""A small model of what is known of assets, for tests of identity: it carries plans out as the warehouse does.

What does not belong here: what a plan should say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from cryptoflow.refine.identity import Alias, Asset, IdentityPlan, Listing, ProviderListing, plan_identity

START = datetime(2026, 1, 1, tzinfo=UTC)


def day(number: float) -> datetime:
    """An instant so many days after the start."""
    return START + timedelta(days=number)


def listed(key: str, symbol: str, name: str, *addresses: str, **fields: object) -> Listing:
    """A listing whose slug is its name."""
    if addresses:
        fields = {"contract_address": addresses[0], **fields}
    slug = name.lower().replace(" ", "-")
    return Listing(key=key, slug=slug, symbol=symbol, name=name, contract_addresses=frozenset(addresses), fields=fields)


def answer(
    provider: str, instant: datetime, *listings: Listing, also_listed: Sequence[str] | None = ()
) -> ProviderListing:
    """What a provider says; `also_listed` are keys outside its universe, None when it was not asked for all keys."""
    keys = None if also_listed is None else frozenset([*also_listed, *(listing.key for listing in listings)])
    return ProviderListing(provider=provider, observed_at=instant, listings=listings, listed_keys=keys)


@dataclass(slots=True)
class KnownWorld:
    """Assets by slug, and aliases."""

    assets: dict[str, Asset] = field(default_factory=dict)
    aliases: list[Alias] = field(default_factory=list)

    def plan(self, *answers: ProviderListing) -> IdentityPlan:
        """What would change."""
        return plan_identity(assets=self.assets.values(), aliases=self._as_the_warehouse_tells(), answers=answers)

    def learn(self, *answers: ProviderListing) -> IdentityPlan:
        """Plan and carry out."""
        plan = self.plan(*answers)
        self.carry_out(plan)
        return plan

    def carry_out(self, plan: IdentityPlan) -> None:
        """End what ended, then begin what began, as `warehouse.assets.carry_out` does."""
        for asset in plan.created:
            assert asset.slug not in self.assets
            self.assets[asset.slug] = asset
        for asset in plan.updated:
            assert asset.slug in self.assets
            self.assets[asset.slug] = asset
        for ended in plan.closed:
            self.aliases[self.aliases.index(replace(ended, valid_to=None))] = ended
        self.aliases += plan.opened

    def names(self, slug: str, provider: str) -> dict[str, str]:
        """The aliases in force, by kind."""
        return {
            alias.kind: alias.alias
            for alias in self.aliases
            if (alias.slug, alias.provider, alias.valid_to) == (slug, provider, None)
        }

    def history(self, slug: str, provider: str, kind: str) -> list[tuple[str, datetime, datetime | None]]:
        """The aliases of one kind, oldest first."""
        found = [alias for alias in self.aliases if (alias.slug, alias.provider, alias.kind) == (slug, provider, kind)]
        return [(alias.alias, alias.valid_from, alias.valid_to) for alias in sorted(found, key=lambda a: a.valid_from)]

    def _as_the_warehouse_tells(self) -> list[Alias]:
        """Every alias in force and every key ever used, as `warehouse.assets.known_aliases` reads them."""
        return [alias for alias in self.aliases if alias.valid_to is None or alias.kind == "key"]


def is_empty(plan: IdentityPlan) -> bool:
    """Whether the plan writes nothing."""
    return not (plan.created or plan.updated or plan.opened or plan.closed)
