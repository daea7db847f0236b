"""What goes wrong in a soak and when: faults of the simulated providers and kills of parts, drawn from a seed.

Pure: the same seed and length give the same disturbances. What does not belong here: doing them (trial).
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final, Literal

from cryptoflow.simulator.faults import FAULTS, FaultKind

HTTP_PROVIDERS: Final = ("coingecko", "coinmarketcap", "binance", "coinbase")
STREAMS: Final = ("binance_stream", "coinbase_stream")
# The simulator is the world and no part of the platform: it is disturbed by faults, never killed.
_WORKERS: Final = ("worker-ticks", "worker-1", "worker-2")
PARTS: Final = (*_WORKERS, "postgres", "valkey", "daemon", "code-server", "webserver", "collector")
# Archives are read by backfills alone, which a soak does not start.
_LEFT_OUT: Final = "archive"
_RATES: Final = (0.3, 0.6, 1.0)
_SECONDS_BETWEEN_FAULTS: Final = 6.0
_SHORTEST_FAULT_SECONDS: Final = 2.0
_LONGEST_FAULT_SECONDS: Final = 15.0
_LONGEST_SHARE: Final = 0.15
_SECONDS_BETWEEN_KILLS: Final = 40.0
_FEWEST_KILLS: Final = 2
# Before it, everything is sound; after it, what was done can come to its end.
_BEGINS_AFTER: Final = 0.05
_FAULTS_END_AT: Final = 0.9
_KILLS_END_AT: Final = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbance:
    """One thing that goes wrong, so many seconds after the beginning."""

    at_seconds: float
    kind: Literal["fault", "kill"]
    name: str
    """The fault, or the part that is killed."""
    provider: str | None = None
    seconds: float = 0.0
    rate: float = 1.0

    @property
    def fault_kind(self) -> FaultKind | None:
        """What the fault does: to a connection, an answer, its bytes, its body, a stream."""
        return FAULTS[self.name].kind if self.kind == "fault" else None


def draw(seed: int, *, seconds: float) -> tuple[Disturbance, ...]:
    """The disturbances of a soak, in the order of time."""
    rng = random.Random(f"soak/{seed}")  # noqa: S311 - a seed is to be repeated, not kept secret
    return tuple(sorted((*_faults(rng, seconds), *_kills(rng, seconds)), key=lambda one: one.at_seconds))


def _faults(rng: random.Random, seconds: float) -> list[Disturbance]:
    names = [name for name, spec in FAULTS.items() if spec.kind != _LEFT_OUT]
    longest = max(_SHORTEST_FAULT_SECONDS, min(_LONGEST_FAULT_SECONDS, seconds * _LONGEST_SHARE))
    drawn = []
    at = seconds * _BEGINS_AFTER
    while at < seconds * _FAULTS_END_AT:
        name = rng.choice(names)
        lasts = min(rng.uniform(_SHORTEST_FAULT_SECONDS, longest), seconds - at)
        drawn.append(
            Disturbance(
                at_seconds=round(at, 1),
                kind="fault",
                name=name,
                provider=rng.choice(STREAMS if FAULTS[name].kind == "stream" else HTTP_PROVIDERS),
                seconds=round(lasts, 1),
                rate=rng.choice(_RATES),
            )
        )
        at += rng.expovariate(1 / _SECONDS_BETWEEN_FAULTS)
    return drawn


def _kills(rng: random.Random, seconds: float) -> list[Disturbance]:
    """Evenly spread with some jitter, each part in its turn."""
    count = max(_FEWEST_KILLS, round(seconds / _SECONDS_BETWEEN_KILLS))
    begins, ends = seconds * _BEGINS_AFTER, seconds * _KILLS_END_AT
    step = (ends - begins) / count
    drawn: list[Disturbance] = []
    turn: list[str] = []
    for number in range(count):
        turn = turn or rng.sample(PARTS, len(PARTS))
        at = begins + step * (number + rng.uniform(0.1, 0.9))
        drawn.append(Disturbance(at_seconds=round(at, 1), kind="kill", name=turn.pop()))
    return drawn
