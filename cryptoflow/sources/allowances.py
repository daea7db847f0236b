"""What a provider itself says of its key: how much the plan allows, what is used of it, and when it begins anew.

A figure that a person set wins over what is told, and what is told wins over the published figure of the plan.
What does not belong here: asking for it (collect), keeping it (warehouse).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from cryptoflow.settings import Settings
from cryptoflow.sources.providers import COINGECKO, COINMARKETCAP, Provider

Origin = Literal["setting", "told", "built in"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldAllowance:
    """The account of one key, as its provider told it at `told_at`. None: it did not say."""

    provider: str
    account: str
    """Whose account it is: the scope of the provider, which holds no secret."""
    calls_per_minute: int | None
    units_per_period: int | None
    units_per_day: int | None
    used_units: int | None
    resets_at: datetime | None
    told_at: datetime
    payload_sha256: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Overrides:
    """The settings of a person that win over what is told."""

    calls_per_minute: str
    units_per_period: str


_OVERRIDES: Final = {
    COINGECKO: _Overrides(calls_per_minute="coingecko_calls_per_minute", units_per_period="coingecko_calls_per_month"),
    COINMARKETCAP: _Overrides(
        calls_per_minute="coinmarketcap_calls_per_minute", units_per_period="coinmarketcap_credits_per_month"
    ),
}


def tells_allowance(provider: Provider) -> bool:
    """Whether the provider tells what the key at hand may do; CoinGecko does so on its paid plan only."""
    return provider.name == COINMARKETCAP or (provider.name == COINGECKO and provider.plan == "pro")


def with_told(provider: Provider, told: ToldAllowance | None, settings: Settings) -> Provider:
    """The provider with the figures that it told in place of the published ones, where no setting overrides them."""
    if told is None or told.account != provider.scope or provider.name not in _OVERRIDES:
        return provider
    overrides = _OVERRIDES[provider.name]
    rate = None if _is_set(settings, overrides.calls_per_minute) else told.calls_per_minute
    quota = None if _is_set(settings, overrides.units_per_period) else told.units_per_period
    return replace(
        provider,
        rate_per_window=provider.rate_per_window if rate is None else rate,
        per_month=provider.per_month if quota is None else quota,
        period_end=told.resets_at,
    )


def quota_origin(provider: Provider, told: ToldAllowance | None, settings: Settings) -> Origin:
    """Where the quota in force comes from."""
    overrides = _OVERRIDES.get(provider.name)
    if overrides and _is_set(settings, overrides.units_per_period):
        return "setting"
    is_told = told is not None and told.account == provider.scope and told.units_per_period is not None
    return "told" if is_told else "built in"


def _is_set(settings: Settings, name: str) -> bool:
    return getattr(settings, name) is not None
