"""Who is asked: one frozen record per provider with its address, key header, rate, quota and habits.

Numbers are the published ones of the plan, or a cautious guess where none is published; settings override them.
What does not belong here: endpoints and records (one file per provider), the state of limits (limits.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit

from pydantic import SecretStr

from cryptoflow.errors import UsageError
from cryptoflow.settings import Settings
from cryptoflow.sources.verdicts import (
    Judge,
    judge_binance,
    judge_by_status,
    judge_coingecko,
    judge_coinmarketcap,
)

COINGECKO = "coingecko"
COINMARKETCAP = "coinmarketcap"
BINANCE = "binance"
BINANCE_ARCHIVE = "binance_archive"
COINBASE = "coinbase"

# The simulator takes any key of this form, so that a demo needs no account; it is sent nowhere else.
SIMULATED_KEY_PREFIX = "SIM-"
SIMULATED_KEY = SecretStr(f"{SIMULATED_KEY_PREFIX}CRYPTOFLOW")


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """All that the HTTP layer must know of one provider."""

    name: str
    plan: str
    base_url: str
    """Without a slash at the end; endpoints add their path."""
    rate_per_window: int
    """Calls (or the provider's weight units) in any `window_seconds`."""
    window_seconds: float = 60.0
    burst: int = 1
    """How many may go at once before the rest is spread over the window."""
    per_month: int | None = None
    unit: Literal["calls", "credits"] = "calls"
    """What `per_month` counts."""
    period_end: datetime | None = None
    """When `per_month` begins anew, where the provider told; None: with the calendar month."""
    key_header: str | None = None
    key: SecretStr | None = None
    needs_key: bool = False
    """Without a key it answers nothing."""
    limited_wait_seconds: float = 60.0
    """How long a refusal without Retry-After holds everybody back."""
    stream_url: str | None = None
    """Where it speaks by websocket, without a slash at the end; None when it does not."""
    judge: Judge = field(default=judge_by_status, repr=False)

    @property
    def scope(self) -> str:
        """Names the shared state of limits and circuit. Another address or key is another state."""
        secret = self.key.get_secret_value() if self.key else ""
        mark = hashlib.sha256(f"{self.base_url}|{self.plan}|{secret}".encode()).hexdigest()[:8]
        return f"{self.name}.{mark}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        return (self.key.get_secret_value(),) if self.key else ()

    @property
    def is_local(self) -> bool:
        """Whether the provider runs on this machine (a simulator)."""
        return urlsplit(self.base_url).hostname in ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True, kw_only=True)
class _CoinGeckoPlan:
    host: str
    key_header: str | None
    calls_per_minute: int
    calls_per_month: int
    burst: int


_COINGECKO_PATH = "/api/v3"
# CoinGecko promises no rate without a key, so the world is asked cautiously; the simulator says what it takes.
_SIMULATED_KEYLESS_CALLS_PER_MINUTE = 30
_COINGECKO_PLANS = {
    "keyless": _CoinGeckoPlan(
        host="https://api.coingecko.com", key_header=None, calls_per_minute=5, calls_per_month=10_000, burst=2
    ),
    "demo": _CoinGeckoPlan(
        host="https://api.coingecko.com",
        key_header="x-cg-demo-api-key",
        calls_per_minute=30,
        calls_per_month=10_000,
        burst=5,
    ),
    "pro": _CoinGeckoPlan(
        host="https://pro-api.coingecko.com",
        key_header="x-cg-pro-api-key",
        calls_per_minute=500,
        calls_per_month=500_000,
        burst=20,
    ),
}


def _coingecko(settings: Settings) -> Provider:
    plan = _COINGECKO_PLANS[settings.coingecko_plan]
    key = _key(settings, settings.coingecko_api_key)
    if plan.key_header and key is None:
        raise UsageError(
            f"The CoinGecko plan is {settings.coingecko_plan!r}, but no key is set.",
            cure="Set CRYPTOFLOW_COINGECKO_API_KEY, or CRYPTOFLOW_COINGECKO_PLAN=keyless.",
        )
    if key is not None and plan.key_header is None:
        raise UsageError(
            "A CoinGecko key is set, but the plan is 'keyless'.",
            cure="Set CRYPTOFLOW_COINGECKO_PLAN to demo or pro, whichever the key belongs to, or remove the key.",
        )
    is_simulated_keyless = settings.simulator_url is not None and plan.key_header is None
    return Provider(
        name=COINGECKO,
        plan=settings.coingecko_plan,
        base_url=_base(settings, COINGECKO, plan.host) + _COINGECKO_PATH,
        rate_per_window=settings.coingecko_calls_per_minute
        or (_SIMULATED_KEYLESS_CALLS_PER_MINUTE if is_simulated_keyless else plan.calls_per_minute),
        burst=plan.burst,
        # The simulator sets no month without a key, as CoinGecko promises none; in the world one is kept to be safe.
        per_month=settings.coingecko_calls_per_month or (None if settings.simulator_url else plan.calls_per_month),
        key_header=plan.key_header,
        key=key,
        judge=judge_coingecko,
    )


def _coinmarketcap(settings: Settings) -> Provider:
    return Provider(
        name=COINMARKETCAP,
        plan="basic",
        base_url=_base(settings, COINMARKETCAP, "https://pro-api.coinmarketcap.com"),
        rate_per_window=settings.coinmarketcap_calls_per_minute or 30,
        burst=5,
        per_month=settings.coinmarketcap_credits_per_month or 10_000,
        unit="credits",
        key_header="X-CMC_PRO_API_KEY",
        needs_key=True,
        key=_key(settings, settings.coinmarketcap_api_key) or (SIMULATED_KEY if settings.simulator_url else None),
        judge=judge_coinmarketcap,
    )


def _binance(settings: Settings) -> Provider:
    """The market-data hosts, which need no account. The rate is in weight, of which calls cost different amounts."""
    return Provider(
        name=BINANCE,
        plan="ip",
        base_url=_base(settings, BINANCE, "https://data-api.binance.vision") + "/api/v3",
        # Whoever else asks from this address has a part of the 6000 too.
        rate_per_window=settings.binance_weight_per_minute or 4_800,
        burst=400,
        judge=judge_binance,
        stream_url=_stream(settings, "binance_stream", "wss://data-stream.binance.vision"),
    )


def _binance_archive(settings: Settings) -> Provider:
    return Provider(
        name=BINANCE_ARCHIVE,
        plan="ip",
        base_url=_base(settings, BINANCE_ARCHIVE, "https://data.binance.vision"),
        rate_per_window=1_200,
        burst=20,
    )


def _coinbase(settings: Settings) -> Provider:
    """Coinbase Exchange: public calls are limited by the second."""
    return Provider(
        name=COINBASE,
        plan="ip",
        base_url=_base(settings, COINBASE, "https://api.exchange.coinbase.com"),
        rate_per_window=settings.coinbase_calls_per_second or 8,
        window_seconds=1.0,
        burst=4,
        limited_wait_seconds=2.0,
        stream_url=_stream(settings, "coinbase_stream", "wss://ws-feed.exchange.coinbase.com"),
    )


_PROVIDERS: dict[str, Callable[[Settings], Provider]] = {
    COINGECKO: _coingecko,
    COINMARKETCAP: _coinmarketcap,
    BINANCE: _binance,
    BINANCE_ARCHIVE: _binance_archive,
    COINBASE: _coinbase,
}


def provider_names() -> tuple[str, ...]:
    """Every provider that can be asked."""
    return tuple(_PROVIDERS)


def askable(settings: Settings) -> tuple[Provider, ...]:
    """The providers that can be asked with the keys at hand."""
    providers = [provider_from_settings(settings, name) for name in _PROVIDERS]
    return tuple(provider for provider in providers if provider.key is not None or not provider.needs_key)


def provider_from_settings(settings: Settings, name: str) -> Provider:
    """The record of a provider as the settings have it; with a simulator, at the simulator's address."""
    try:
        build = _PROVIDERS[name]
    except KeyError:
        raise UsageError(f"There is no provider {name!r}.", cure=f"Known: {', '.join(_PROVIDERS)}.") from None
    return build(settings)


def _key(settings: Settings, key: SecretStr | None) -> SecretStr | None:
    """The key as it may be sent. A real key goes to its provider only, never to a simulator."""
    if key is None or settings.simulator_url is None or key.get_secret_value().startswith(SIMULATED_KEY_PREFIX):
        return key
    return SIMULATED_KEY


def _base(settings: Settings, name: str, host: str) -> str:
    return f"{settings.simulator_url.rstrip('/')}/{name}" if settings.simulator_url else host


def _stream(settings: Settings, name: str, host: str) -> str:
    """The websocket address; a simulator speaks by websocket where it answers by HTTP."""
    scheme, separator, rest = _base(settings, name, host).partition("://")
    return {"http": "ws", "https": "wss"}.get(scheme, scheme) + separator + rest
