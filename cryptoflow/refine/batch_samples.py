"""What a whole answer is judged by: its rows, what was stored of their assets last, and the words of a verdict.

What does not belong here: judging (batch_nature, batch_drift), reading what stands (warehouse.last_samples).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, Protocol

# With fewer rows than this, chance looks like a rule.
LEAST_ROWS: Final = 20
# What stands longer than this says nothing of now: the market may have gone anywhere meanwhile.
OLDEST_REFERENCE: Final = timedelta(hours=36)

FIGURES: Final = (
    "price_usd",
    "market_cap_usd",
    "volume_24h_usd",
    "circulating_supply",
    "total_supply",
    "max_supply",
    "market_cap_rank",
    "fully_diluted_valuation_usd",
    "price_change_1h_percent",
    "price_change_24h_percent",
    "price_change_7d_percent",
)
"""The figures of a row that may be missing; a row without a price is refused by itself."""

Nature = Literal[
    "unit_jump",
    "time_jump",
    "rows_fell",
    "field_vanished",
    "frozen_values",
    "restated",
    "clock_behind",
    "clock_ahead",
]

CURES: Final[Mapping[str, str]] = {
    "unit_jump": "Compare the answer with the provider's documentation and with another provider. Discard it when the"
    " figures are wrong; release it when the market really did this.",
    "time_jump": "Look at the clock of this machine, then at the provider's documentation of its times. Discard it when"
    " the times are wrong; release it when they are true.",
    "rows_fell": "See the provider's status page. Release it when so few rows are all there is; else discard it, for"
    " the next tick asks again.",
    "field_vanished": "Compare the answer with the provider's documentation. Release it when the figure is gone for"
    " good, and the next answers without it are taken; else discard it.",
    "frozen_values": "See the provider's status page. Discard it when the figures are stale; release it when the"
    " market really stands still, and the next answers are taken.",
    "restated": "Ask the provider why it says otherwise now. Release it when the new figures are the true ones, and the"
    " old ones are kept as revisions; else discard it.",
}
"""What to do about an answer that waits in quarantine, by what is wrong with it."""


class Sample(Protocol):
    """A row of an answer."""

    @property
    def asset_id(self) -> int: ...
    @property
    def payload_sha256(self) -> bytes: ...
    @property
    def observed_at(self) -> datetime | None: ...
    @property
    def fetched_at(self) -> datetime: ...
    @property
    def price_usd(self) -> Decimal | None: ...
    @property
    def market_cap_usd(self) -> Decimal | None: ...
    @property
    def volume_24h_usd(self) -> Decimal | None: ...
    @property
    def circulating_supply(self) -> Decimal | None: ...


class Stood(Protocol):
    """What was stored of an asset last."""

    @property
    def observed_at(self) -> datetime: ...
    @property
    def fetched_at(self) -> datetime: ...
    @property
    def payload_sha256(self) -> bytes: ...
    @property
    def price_usd(self) -> Decimal: ...
    @property
    def volume_24h_usd(self) -> Decimal | None: ...
    @property
    def market_cap_usd(self) -> Decimal | None: ...
    @property
    def missing(self) -> Collection[str] | None:
        """The figures that it lacked; None: not known."""
        ...

    @property
    def unchanged_times(self) -> int:
        """How often price and volume came again as they were, though its time had moved on."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFinding:
    """One thing that is wrong with the answers of a provider, in words."""

    nature: Nature
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Answers (by hash) that must not be stored, each with the reason, and everything else that is to be told."""

    refused: Mapping[bytes, BatchFinding]
    findings: Sequence[BatchFinding]


def span_words(span: timedelta) -> str:
    """A span as one says it: minutes, or days when it is long."""
    number, unit = max(1, round(span.total_seconds() / 60)), "minute"
    if span >= timedelta(days=2):
        number, unit = span.days, "day"
    return f"{number:,} {unit}{'' if number == 1 else 's'}"
