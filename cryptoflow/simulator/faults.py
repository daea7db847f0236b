"""Which faults exist, which are active now and for whom, and whether this request is hit.

A fault lasts in real time, not simulated: a collector under test lives in real time. Whether a request is hit is drawn
from a generator seeded with the board's seed and the fault's number, so that the same requests in the same order meet
the same faults again.
What does not belong here: what a fault does to a body (damage.py), to a connection (middleware.py), to a stream or to
an archive (their own code).
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from cryptoflow.errors import UsageError
from cryptoflow.simulator.nearest import did_you_mean
from cryptoflow.simulator.providers import check_provider

FaultKind = Literal["connection", "answer", "bytes", "body", "stream", "archive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultSpec:
    """One fault that can be asked for. `default_amount` is None when the fault has no measure."""

    name: str
    kind: FaultKind
    description: str
    default_amount: float | None = None
    amount_meaning: str | None = None


_SPECS = (
    FaultSpec(
        name="latency",
        kind="connection",
        description="The answer comes late.",
        default_amount=2.0,
        amount_meaning="real seconds",
    ),
    FaultSpec(
        name="hang",
        kind="connection",
        description="The connection stays open without a byte until the client goes or the fault ends.",
    ),
    FaultSpec(
        name="reset_mid_body",
        kind="bytes",
        description="The connection is reset when half of the body has been sent.",
    ),
    FaultSpec(
        name="http_429",
        kind="answer",
        description="The provider refuses as if its rate limit were spent, in its own words.",
    ),
    FaultSpec(
        name="http_5xx",
        kind="answer",
        description="A server error: 500, 502, 503 or 504, drawn per request unless an amount fixes it.",
        default_amount=0.0,
        amount_meaning="the status, 0 for a drawn one",
    ),
    FaultSpec(
        name="html_for_json",
        kind="answer",
        description="Status 200 with the HTML page of a proxy where JSON should be.",
    ),
    FaultSpec(name="truncated_json", kind="bytes", description="The body ends in the middle, with a matching length."),
    FaultSpec(name="field_vanishes", kind="body", description="One field is missing from every row."),
    FaultSpec(
        name="field_changes_type", kind="body", description="One field holds an object where a plain value should be."
    ),
    FaultSpec(
        name="unit_jump_time",
        kind="body",
        description="Times change unit: milliseconds become microseconds and back, seconds become milliseconds.",
    ),
    FaultSpec(
        name="unit_jump_value",
        kind="body",
        description="Prices are larger by a factor.",
        default_amount=1000.0,
        amount_meaning="the factor",
    ),
    FaultSpec(name="nan_values", kind="body", description="Some prices are a bare NaN, which is not JSON."),
    FaultSpec(name="negative_price", kind="body", description="Some prices are negative."),
    FaultSpec(name="zero_price", kind="body", description="Some prices are zero."),
    FaultSpec(
        name="frozen_values",
        kind="body",
        description="Prices and volumes stay as they were first seen under the fault, while times move on.",
    ),
    FaultSpec(name="duplicated_rows", kind="body", description="Some rows come twice."),
    FaultSpec(name="missing_page", kind="body", description="A page after the first comes empty."),
    FaultSpec(
        name="repeated_page",
        kind="body",
        description="A page comes with the rows of the page that was asked before it.",
    ),
    FaultSpec(
        name="restated_history",
        kind="body",
        description="Past values differ from what was published: a third of them by up to 5 %, each asking the same.",
    ),
    FaultSpec(
        name="clock_skew",
        kind="body",
        description="The provider's clock is off: every time it states, and its Date header.",
        default_amount=300.0,
        amount_meaning="simulated seconds, negative for a clock that is behind",
    ),
    FaultSpec(
        name="ws_drop",
        kind="stream",
        description="The stream is cut without a farewell; what it says until the client is back is missed.",
    ),
    FaultSpec(name="ws_out_of_order", kind="stream", description="Messages of a stream come in another order."),
    FaultSpec(name="ws_duplicates", kind="stream", description="Messages of a stream come twice."),
    FaultSpec(name="archive_checksum", kind="archive", description="The checksum of an archive file is another's."),
    FaultSpec(
        name="archive_columns", kind="archive", description="An archive file lacks a column; its checksum is right."
    ),
    FaultSpec(
        name="archive_cut", kind="archive", description="An archive file breaks off half-way; its checksum is right."
    ),
)

FAULTS: dict[str, FaultSpec] = {spec.name: spec for spec in _SPECS}
"""Every fault by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault in force. `provider` None hits all; `ends_at` is on the board's real clock, None: until cleared."""

    serial: int
    name: str
    provider: str | None
    rate: float
    amount: float | None
    field: str | None
    started_at: float
    ends_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """A fault that hits this very request or message, with the generator for what it does to it."""

    fault: Fault
    rng: random.Random


class FaultBoard:
    """The faults in force. Safe to use from several threads."""

    def __init__(self, *, seed: int = 1, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._seed = seed
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._serial = 0
        self._faults: list[Fault] = []
        self._draws: dict[int, int] = {}

    def add(
        self,
        name: str,
        *,
        provider: str | None = None,
        rate: float = 1.0,
        for_seconds: float | None = None,
        amount: float | None = None,
        field: str | None = None,
    ) -> Fault:
        """Put a fault in force. `rate` is the share of requests (of messages, for a stream) that it hits."""
        spec = check_fault(name)
        if provider is not None:
            check_provider(provider)
        _check_numbers(rate=rate, for_seconds=for_seconds, amount=amount)
        with self._lock:
            self._serial += 1
            now = self._monotonic()
            fault = Fault(
                serial=self._serial,
                name=spec.name,
                provider=provider,
                rate=rate,
                amount=spec.default_amount if amount is None else amount,
                field=field,
                started_at=now,
                ends_at=None if for_seconds is None else now + for_seconds,
            )
            self._faults.append(fault)
            return fault

    def active(self, provider: str | None = None) -> list[Fault]:
        """The faults in force now: all, or those that hit `provider`."""
        with self._lock:
            return self._active(provider)

    def is_active(self, fault: Fault) -> bool:
        """Whether this very fault is still in force."""
        return any(other.serial == fault.serial for other in self.active())

    def seconds_left(self, fault: Fault) -> float | None:
        """Real seconds until the fault ends by itself; None: only when cleared."""
        return None if fault.ends_at is None else max(0.0, fault.ends_at - self._monotonic())

    def clear(self, *, name: str | None = None, provider: str | None = None) -> int:
        """End the faults of this name and provider (None: any). Says how many ended."""
        if name is not None:
            check_fault(name)
        if provider is not None:
            check_provider(provider)
        with self._lock:
            gone = [
                fault
                for fault in self._active(None)
                if name in (None, fault.name) and (provider is None or fault.provider == provider)
            ]
            serials = {fault.serial for fault in gone}
            self._faults = [fault for fault in self._faults if fault.serial not in serials]
            return len(gone)

    def strike(self, name: str, provider: str) -> Strike | None:
        """Whether the fault `name` hits this request or message of `provider`. Each asking is one draw."""
        with self._lock:
            hits = [strike for fault in self._active(provider) if fault.name == name and (strike := self._draw(fault))]
        return hits[0] if hits else None

    def strikes(self, kind: FaultKind, provider: str) -> list[Strike]:
        """Every fault of `kind` that hits this request, in the order in which they were added."""
        with self._lock:
            return [
                strike
                for fault in self._active(provider)
                if FAULTS[fault.name].kind == kind and (strike := self._draw(fault))
            ]

    def _active(self, provider: str | None) -> list[Fault]:
        now = self._monotonic()
        self._faults = [fault for fault in self._faults if fault.ends_at is None or fault.ends_at > now]
        return [fault for fault in self._faults if provider is None or fault.provider in (None, provider)]

    def _draw(self, fault: Fault) -> Strike | None:
        count = self._draws.get(fault.serial, 0) + 1
        self._draws[fault.serial] = count
        rng = random.Random(f"{self._seed}/{fault.name}/{fault.serial}/{count}")
        return Strike(fault=fault, rng=rng) if rng.random() < fault.rate else None


def check_fault(name: str) -> FaultSpec:
    """The fault's description, or an error that names the nearest one."""
    spec = FAULTS.get(name)
    if spec is None:
        raise UsageError(f"There is no fault named {name!r}.", cure=did_you_mean(name, tuple(FAULTS)))
    return spec


def _check_numbers(*, rate: float, for_seconds: float | None, amount: float | None) -> None:
    if not 0 < rate <= 1:
        raise UsageError(
            f"A fault cannot have the rate {rate!r}.", cure="Give a share above 0 and at most 1, such as 0.2."
        )
    if for_seconds is not None and not (math.isfinite(for_seconds) and for_seconds > 0):
        raise UsageError(f"A fault cannot last {for_seconds!r} seconds.", cure="Give a time above 0, or none.")
    if amount is not None and not math.isfinite(amount):
        raise UsageError(f"A fault cannot have the amount {amount!r}.", cure="Give a finite number.")


def describe_faults() -> Sequence[tuple[str, str]]:
    """Name and one line for every fault, in the order of the documentation."""
    return [(spec.name, _with_amount(spec)) for spec in FAULTS.values()]


def _with_amount(spec: FaultSpec) -> str:
    if spec.amount_meaning is None:
        return spec.description
    return f"{spec.description} Amount: {spec.amount_meaning}; default {spec.default_amount:g}."
