"""The data quality score of a close: its terms and their weights, in exact decimals.

A term that cannot be computed is left out with a reason, and the weights of the others make up for it.
The warehouse computes the same in sets (sql/market/select_close_quality); `explain` compares the two.
What does not belong here: hard rules, which keep a row out altogether.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from cryptoflow.refine.exact import ONE, ZERO, clamped, difference, median, product, quotient, rounded, total

FORMULA_VERSION: Final = 1
DIGITS: Final = 6
CADENCE: Final = timedelta(minutes=1)
WEIGHTS: Final = {
    "completeness": Decimal("0.35"),
    "freshness": Decimal("0.25"),
    "agreement": Decimal("0.25"),
    "integrity": Decimal("0.15"),
}
# How far two sources may be apart and still agree wholly.
TOLERANCES: Final = {
    "price_usd": Decimal("0.005"),
    "volume_24h_usd": Decimal("0.20"),
    "market_cap_usd": Decimal("0.03"),
    "circulating_supply": Decimal("0.02"),
}
# max_supply is not among them: a coin without a cap has none to miss, and nothing tells the two apart.
ALWAYS_APPLY: Final = (
    "price_usd",
    "market_cap_usd",
    "volume_24h_usd",
    "circulating_supply",
    "total_supply",
    "market_cap_rank",
)
HIGH: Final = Decimal("0.9")
MEDIUM: Final = Decimal("0.7")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFigures:
    """What one source says of the asset, as far as quality looks at it."""

    observed_at: datetime
    price_usd: Decimal | None
    market_cap_usd: Decimal | None
    volume_24h_usd: Decimal | None
    circulating_supply: Decimal | None
    total_supply: Decimal | None
    max_supply: Decimal | None
    market_cap_rank: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """A score with its terms; `unavailable` says why a term is missing."""

    score: Decimal
    tier: str
    terms: Mapping[str, Decimal]
    unavailable: Mapping[str, str]


def quality_of(believed: SourceFigures, others: Sequence[SourceFigures], *, end: datetime) -> Quality:
    """The quality of a close whose figures are those of `believed`, at the end of its minute."""
    found = {
        "completeness": completeness(believed),
        "freshness": freshness(end - believed.observed_at),
        "agreement": agreement(believed, others),
        "integrity": integrity(believed),
    }
    reasons = {"agreement": "single_source" if not others else "nothing_to_compare", "integrity": "no_rule_applies"}
    terms = {name: value for name, value in found.items() if value is not None}
    weights = total(WEIGHTS[name] for name in terms)
    score = quotient(total(product(WEIGHTS[name], value) for name, value in terms.items()), weights, digits=DIGITS)
    assert score is not None
    return Quality(
        score=score,
        tier=tier_of(score),
        terms=terms,
        unavailable={name: reasons[name] for name, value in found.items() if value is None},
    )


def tier_of(score: Decimal) -> str:
    """The score in a word."""
    if score >= HIGH:
        return "High"
    return "Medium" if score >= MEDIUM else "Low"


def completeness(figures: SourceFigures) -> Decimal:
    """Figures that are there over figures that apply."""
    present = sum(getattr(figures, name) is not None for name in ALWAYS_APPLY)
    capped = figures.max_supply is not None
    return _share(present + capped, len(ALWAYS_APPLY) + capped)


def freshness(age: timedelta, *, cadence: timedelta = CADENCE) -> Decimal:
    """1 up to the age of one cadence, then falling to 0 at five."""
    beyond = max(age - cadence, timedelta())
    lost = quotient(_seconds(beyond), _seconds(4 * cadence), digits=DIGITS)
    assert lost is not None
    return clamped(difference(ONE, lost))


def agreement(believed: SourceFigures, others: Sequence[SourceFigures]) -> Decimal | None:
    """The mean over the figures that can be compared; None when there are none."""
    found = [
        value
        for name, tolerance in TOLERANCES.items()
        if (value := _agreement_on([getattr(one, name) for one in (believed, *others)], tolerance)) is not None
    ]
    return quotient(total(found), Decimal(len(found)), digits=DIGITS) if found else None


def integrity(figures: SourceFigures) -> Decimal | None:
    """Share of the rules that hold, of those whose figures are there; None when there are none."""
    verdicts = [verdict for verdict in _verdicts(figures) if verdict is not None]
    return _share(sum(verdicts), len(verdicts)) if verdicts else None


def _verdicts(figures: SourceFigures) -> Sequence[bool | None]:
    circulating, whole, most = figures.circulating_supply, figures.total_supply, figures.max_supply
    cap_is_consistent = None
    if figures.price_usd is not None and figures.market_cap_usd is not None and circulating:
        worth = product(figures.price_usd, circulating)
        apart = quotient(figures.market_cap_usd, worth, digits=DIGITS)
        allowed = TOLERANCES["market_cap_usd"]
        cap_is_consistent = apart is not None and abs(difference(apart, ONE)) <= allowed
    return (
        None if circulating is None or whole is None else circulating <= whole,
        None if circulating is None or most is None else circulating <= most,
        None if whole is None or most is None else whole <= most,
        cap_is_consistent,
    )


def _agreement_on(values: Sequence[Decimal | None], tolerance: Decimal) -> Decimal | None:
    """Of the first value with the other one, or with the median of three or more."""
    known = [value for value in values if value is not None]
    first = values[0]
    if first is None or len(known) < 2:
        return None
    against = known[1] if len(known) == 2 else median(known)
    assert against is not None
    if against == 0:
        return ONE if first == 0 else ZERO
    ratio = quotient(first, against, digits=DIGITS)
    assert ratio is not None
    beyond = max(difference(abs(difference(ratio, ONE)), tolerance), ZERO)
    lost = quotient(beyond, product(tolerance, 4), digits=DIGITS)
    assert lost is not None
    return clamped(difference(ONE, lost))


def _share(part: int, whole: int) -> Decimal:
    found = quotient(Decimal(part), Decimal(whole), digits=DIGITS)
    assert found is not None
    return rounded(found, digits=DIGITS)


def _seconds(length: timedelta) -> Decimal:
    return Decimal(length // timedelta(microseconds=1)).scaleb(-6)
