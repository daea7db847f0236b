"""How much of each provider may be used, and how much was: quotas per plan and window, counted in simulated time.

What belongs here: windows, quotas, counting.
What does not: how a provider recognises a plan or words a refusal (policies.py).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from cryptoflow.errors import UsageError
from cryptoflow.simulator.keys import masked
from cryptoflow.simulator.nearest import did_you_mean
from cryptoflow.simulator.providers import check_provider

Window = Literal["second", "ten_seconds", "minute", "five_minutes", "ten_minutes", "hour", "day", "month"]
WINDOWS: tuple[Window, ...] = get_args(Window)

_SECONDS: dict[Window, int] = {
    "second": 1,
    "ten_seconds": 10,
    "minute": 60,
    "five_minutes": 300,
    "ten_minutes": 600,
    "hour": 3_600,
    "day": 86_400,
}

UNLIMITED = 10**15
"""A quota that nobody reaches: the window is counted, not limited."""

# What each plan may use. The unit is the request; but the credit for coinmarketcap's day and month, and the weight
# for binance's minute.
DEFAULT_QUOTAS: dict[str, dict[str, dict[Window, int]]] = {
    "coingecko": {
        "keyless": {"minute": 30},
        "demo": {"minute": 100, "month": 10_000},
        "pro": {"minute": 500, "month": 500_000},
    },
    "coinmarketcap": {
        "basic": {"minute": 30, "day": UNLIMITED, "month": 10_000},
        "startup": {"minute": 60, "day": UNLIMITED, "month": 300_000},
    },
    "binance": {"ip": {"minute": 6_000}},
    "binance_stream": {"ip": {"five_minutes": 300}},
    "coinbase": {"ip": {"second": 10}},
    "coinbase_stream": {"ip": {"second": 8}},
    "defillama": {"ip": {"minute": 500}},
    "llama_coins": {"ip": {"minute": 500}},
    "blockchain_info": {"ip": {"minute": 60}, "query": {"minute": 6}},
    "mempool": {"ip": {"minute": 120}},
    "beaconchain": {"ip": {"second": 1, "month": 1_000}},
    "solana": {"ip": {"ten_seconds": 100}},
    "alternative_me": {"ip": {"ten_minutes": 600}},
    "reddit": {"ip": {"ten_minutes": 100}, "oauth": {"ten_minutes": 1_000}},
    "github": {"anonymous": {"hour": 60}, "token": {"hour": 5_000}},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """One window of one user: how much of the quota is used, and when the window starts anew."""

    window: Window
    quota: int
    used: int
    reset_at: float

    @property
    def left(self) -> int:
        """What may still be used."""
        return max(0, self.quota - self.used)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """The outcome of asking for a share. `exceeded` names the window that is spent, or None: allowed."""

    usages: tuple[Usage, ...]
    exceeded: Usage | None
    refused: int

    def of(self, window: Window) -> Usage | None:
        """The usage in `window`, when the plan has a quota there."""
        return next((usage for usage in self.usages if usage.window == window), None)


class LimitBook:
    """Quotas and their use by user: whoever the provider counts by, an address or a key. Safe between threads."""

    def __init__(self, quotas: Mapping[str, Mapping[str, Mapping[Window, int]]] | None = None) -> None:
        self._lock = threading.Lock()
        self._quotas = {
            provider: {plan: dict(windows) for plan, windows in plans.items()}
            for provider, plans in (quotas or DEFAULT_QUOTAS).items()
        }
        self._used: dict[tuple[str, str, str, Window], tuple[float, int]] = {}
        self._refused: dict[tuple[str, str, str], tuple[float, int]] = {}
        self._banned_until: dict[tuple[str, str], float] = {}

    def take(
        self, *, provider: str, plan: str, user: str, now: float, costs: Mapping[Window, int] | None = None
    ) -> Spent:
        """Use one of every window (or `costs`); when a window is spent, nothing is used and the refusal is counted."""
        with self._lock:
            windows = self._quotas.get(provider, {}).get(plan, {})
            wanted = {window: 1 if costs is None else costs.get(window, 0) for window in windows}
            before = {window: self._usage(provider, plan, user, window, now) for window in windows}
            # The shortest window is the one that a provider names when several are spent.
            exceeded = next(
                (
                    usage
                    for window, usage in before.items()
                    if wanted[window] > 0 and usage.used + wanted[window] > usage.quota
                ),
                None,
            )
            if exceeded is not None:
                refused = self._refuse(provider, plan, user, exceeded.reset_at)
                return Spent(usages=tuple(before.values()), exceeded=exceeded, refused=refused)
            for window, cost in wanted.items():
                self._add(provider, plan, user, before[window], cost)
            usages = tuple(self._usage(provider, plan, user, window, now) for window in windows)
            return Spent(usages=usages, exceeded=None, refused=0)

    def charge(self, *, provider: str, plan: str, user: str, window: Window, now: float, amount: int) -> None:
        """Use `amount` whatever is left: for a cost that is known only after the answer."""
        with self._lock:
            if window in self._quotas.get(provider, {}).get(plan, {}):
                usage = self._usage(provider, plan, user, window, now)
                self._add(provider, plan, user, usage, amount)

    def usages(self, *, provider: str, plan: str, user: str, now: float) -> tuple[Usage, ...]:
        """What this user has used in every window of the plan."""
        with self._lock:
            windows = self._quotas.get(provider, {}).get(plan, {})
            return tuple(self._usage(provider, plan, user, window, now) for window in windows)

    def ban(self, *, provider: str, user: str, until: float) -> None:
        """Shut this user out until the simulated instant `until`."""
        with self._lock:
            self._banned_until[provider, user] = until

    def banned_until(self, *, provider: str, user: str, now: float) -> float | None:
        """When the user's ban ends, or None when there is none."""
        with self._lock:
            until = self._banned_until.get((provider, user), now)
            return until if until > now else None

    def set_quota(self, *, provider: str, plan: str, window: str, quota: int | None) -> None:
        """Change a quota; None lifts it."""
        name = self._check_plan(provider, plan)
        if window not in WINDOWS:
            raise UsageError(f"There is no limit window named {window!r}.", cure=did_you_mean(window, WINDOWS))
        if quota is not None and quota < 0:
            raise UsageError(f"A quota cannot be {quota}.", cure="Give 0 or more, or null for none.")
        with self._lock:
            self._quotas[provider][name][window] = UNLIMITED if quota is None else quota
            ordered = sorted(self._quotas[provider][name].items(), key=lambda item: WINDOWS.index(item[0]))
            self._quotas[provider][name] = dict(ordered)

    def reset_usage(self, *, provider: str | None = None) -> None:
        """Forget what was used, refused and banned, of one provider or of all."""
        if provider is not None:
            check_provider(provider)
        with self._lock:
            self._used = {key: value for key, value in self._used.items() if provider not in (None, key[0])}
            self._refused = {key: value for key, value in self._refused.items() if provider not in (None, key[0])}
            self._banned_until = {
                key: until for key, until in self._banned_until.items() if provider not in (None, key[0])
            }

    def state(self, *, now: float) -> dict[str, object]:
        """Quotas, and what each user has used, for the control plane. Users are shown as the provider knows them."""
        with self._lock:
            users = sorted({key[:3] for key in self._used})
            rows = [
                {
                    "provider": provider,
                    "plan": plan,
                    "user": masked(user),
                    "windows": {
                        window: {"quota": shown_quota(usage.quota), "used": usage.used, "reset_at": usage.reset_at}
                        for window in self._quotas.get(provider, {}).get(plan, {})
                        for usage in (self._usage(provider, plan, user, window, now),)
                    },
                }
                for provider, plan, user in users
            ]
            return {"quotas": self._copy_quotas(), "usage": rows}

    def _copy_quotas(self) -> dict[str, dict[str, dict[Window, int | None]]]:
        return {
            provider: {
                plan: {window: shown_quota(quota) for window, quota in windows.items()}
                for plan, windows in plans.items()
            }
            for provider, plans in self._quotas.items()
        }

    def _check_plan(self, provider: str, plan: str) -> str:
        check_provider(provider)
        plans = tuple(self._quotas.get(provider, {}))
        if not plans:
            raise UsageError(f"{provider} has no limits to set.", cure=f"Limited: {', '.join(self._quotas)}.")
        if plan not in plans:
            raise UsageError(f"{provider} has no plan named {plan!r}.", cure=did_you_mean(plan, plans))
        return plan

    def _usage(self, provider: str, plan: str, user: str, window: Window, now: float) -> Usage:
        starts_at, reset_at = window_bounds(window, now)
        kept_from, used = self._used.get((provider, plan, user, window), (starts_at, 0))
        return Usage(
            window=window,
            quota=self._quotas[provider][plan][window],
            used=used if kept_from == starts_at else 0,
            reset_at=reset_at,
        )

    def _add(self, provider: str, plan: str, user: str, usage: Usage, amount: int) -> None:
        starts_at, _ = window_bounds(usage.window, usage.reset_at - 0.5)
        self._used[provider, plan, user, usage.window] = (starts_at, usage.used + amount)

    def _refuse(self, provider: str, plan: str, user: str, reset_at: float) -> int:
        until, count = self._refused.get((provider, plan, user), (reset_at, 0))
        count = count + 1 if until == reset_at else 1
        self._refused[provider, plan, user] = (reset_at, count)
        return count


def shown_quota(quota: int) -> int | None:
    """The quota as it is shown: null for none."""
    return None if quota >= UNLIMITED else quota


def window_bounds(window: Window, now: float) -> tuple[float, float]:
    """Start and end of the window that holds `now`, in unix seconds. Months are calendar months in UTC."""
    if window != "month":
        length = _SECONDS[window]
        start = now // length * length
        return start, start + length
    day = datetime.fromtimestamp(now, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = (day + timedelta(days=32)).replace(day=1)
    return day.timestamp(), following.timestamp()
