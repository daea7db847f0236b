"""The circuit breaker: a provider that fails again and again is left alone for a while, by all processes together.

    closed     asked as usual; consecutive transient failures are counted
    open       not asked until the cool-down is over; each further failure doubles the cool-down, up to a cap
    half_open  one probe is out; its success closes the circuit, its failure opens it again

The arithmetic is pure (`admit`, `after_success`, `after_failure`); `CircuitBreaker` keeps the state in Valkey, or in
the process while Valkey is lost. What does not belong here: which errors count as failures (http.py).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import msgspec
from redis.asyncio import Redis

from cryptoflow.sources.providers import Provider
from cryptoflow.sources.valkey import LOST, Reach

_LOGGER = logging.getLogger(__name__)

CircuitName = Literal["closed", "open", "half_open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """When to open, and for how long."""

    failures_to_open: int = 10
    cool_down_seconds: float = 30.0
    cool_down_cap_seconds: float = 900.0
    probe_seconds: float = 90.0
    """A probe that has not reported by then counts as lost, and the next caller probes."""


class Circuit(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one provider's circuit. Instants are unix seconds."""

    state: CircuitName = "closed"
    failures: int = 0
    """Consecutive transient failures."""
    openings: int = 0
    """Consecutive openings, for the doubling of the cool-down."""
    until: float = 0.0
    """Open: when a probe may go out. Half open: when the probe counts as lost."""
    last_error: str | None = None


CLOSED = Circuit()


def cool_down_seconds(policy: BreakerPolicy, *, openings: int) -> float:
    """How long the circuit stays open the given time in a row."""
    return float(min(policy.cool_down_cap_seconds, policy.cool_down_seconds * 2.0 ** min(max(openings, 1) - 1, 32)))


def admit(circuit: Circuit, *, policy: BreakerPolicy, now: float) -> tuple[bool, Circuit]:
    """Whether a call may go out now, and the state from then on. At most one probe is out at a time."""
    if circuit.state == "closed":
        return True, circuit
    if now < circuit.until:
        return False, circuit
    return True, msgspec.structs.replace(circuit, state="half_open", until=now + policy.probe_seconds)


def after_success(_: Circuit) -> Circuit:
    """The state after a good answer, or after a refusal that proves the provider alive."""
    return CLOSED


def after_failure(circuit: Circuit, *, policy: BreakerPolicy, now: float, error: str) -> Circuit:
    """The state after a transient failure."""
    failures = circuit.failures + 1
    if circuit.state == "open":
        # A call that was under way when the circuit opened tells nothing new.
        return msgspec.structs.replace(circuit, failures=failures, last_error=error)
    if circuit.state == "closed" and failures < policy.failures_to_open:
        return msgspec.structs.replace(circuit, failures=failures, last_error=error)
    openings = circuit.openings + 1
    until = now + cool_down_seconds(policy, openings=openings)
    return Circuit(state="open", failures=failures, openings=openings, until=until, last_error=error)


def breaker_key(provider: Provider) -> str:
    """Where the circuit of a provider is kept."""
    return f"cryptoflow:source:{{{provider.scope}}}:circuit"


async def breaker_state(redis: Redis, provider: Provider) -> Circuit:
    """The circuit as it stands, for a reader who does not ask the provider."""
    return _decode(await redis.get(breaker_key(provider)))


Change = Callable[[Circuit], Circuit]


class CircuitBreaker:
    """The circuit of one provider, shared through Valkey."""

    def __init__(
        self,
        provider: Provider,
        redis: Redis | None,
        *,
        policy: BreakerPolicy | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._provider = provider
        self._reach = Reach(redis, meanwhile=f"the circuit of {provider.name} is kept by each process")
        self._policy = policy or BreakerPolicy()
        self._clock = clock
        self._local = CLOSED

    async def standing(self) -> Circuit | None:
        """The circuit when it forbids calls now, else None. Changes nothing."""
        circuit = self._local
        redis = self._reach.redis
        if redis is not None:
            try:
                circuit = await breaker_state(redis, self._provider)
            except LOST as error:
                self._reach.lost(error)
        admitted, _ = admit(circuit, policy=self._policy, now=self._clock())
        return None if admitted else circuit

    async def admit(self) -> Circuit | None:
        """None when a call may go out; else the circuit that forbids it."""
        now = self._clock()
        admitted = True

        def change(circuit: Circuit) -> Circuit:
            nonlocal admitted
            admitted, changed = admit(circuit, policy=self._policy, now=now)
            return changed

        circuit = await self._update(change)
        return None if admitted else circuit

    async def succeeded(self) -> None:
        """Report an answer that proves the provider alive."""
        await self._update(after_success)

    async def failed(self, error: str) -> Circuit:
        """Report a transient failure; returns the circuit after it."""
        now = self._clock()
        circuit = await self._update(lambda old: after_failure(old, policy=self._policy, now=now, error=error))
        if circuit.state == "open":
            _LOGGER.warning("%s: circuit open for %.0f s after: %s", self._provider.name, circuit.until - now, error)
        return circuit

    async def _update(self, change: Change) -> Circuit:
        redis = self._reach.redis
        if redis is not None:
            try:
                self._local = await self._update_shared(redis, change)
                self._reach.answered()
                return self._local
            except LOST as error:
                self._reach.lost(error)
        self._local = change(self._local)
        return self._local

    async def _update_shared(self, redis: Redis, change: Change) -> Circuit:
        key = breaker_key(self._provider)
        while True:
            text = await redis.get(key)
            before = _decode(text)
            after = change(before)
            if after == before:
                return after
            if await redis.eval(_SWAP, 1, key, text or b"", msgspec.json.encode(after), self._keep_seconds()):
                return after

    def _keep_seconds(self) -> int:
        return int(4 * self._policy.cool_down_cap_seconds)


# Writes the new state only over the state that it was computed from.
_SWAP = """
local current = redis.call('GET', KEYS[1]) or ''
if current ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
"""


def _decode(text: bytes | str | None) -> Circuit:
    if not text:
        return CLOSED
    try:
        return msgspec.json.decode(text, type=Circuit)
    except msgspec.DecodeError:
        return CLOSED
