"""The quality score that the warehouse computes in sets is the one that the formula gives, and it may go down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

from cryptoflow.refine.quality_score import Quality, SourceFigures, quality_of
from cryptoflow.warehouse.snapshots import Snapshot
from cryptoflow_tests.closes_model import rows, sample, store

NOON = datetime(2026, 3, 4, 12, 0, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TERMS = ("completeness", "freshness", "agreement", "integrity")
SOUND: dict[str, Any] = {
    "price_usd": Decimal(2), "market_cap_usd": Decimal(200), "volume_24h_usd": Decimal(10),
    "circulating_supply": Decimal(100), "total_supply": Decimal(150), "max_supply": None, "market_cap_rank": 1,
}  # fmt: skip
# What one source says beside a sound one: missing, apart by more and less than a tolerance, against the rules, zero.
CHANGES: tuple[dict[str, Any], ...] = (
    {},
    {"market_cap_usd": None, "total_supply": None},
    {"price_usd": Decimal("2.013"), "volume_24h_usd": Decimal("13.7")},
    {"volume_24h_usd": Decimal(0), "max_supply": Decimal(140)},
    {"circulating_supply": Decimal(160), "market_cap_usd": Decimal(209)},
    {"circulating_supply": None, "volume_24h_usd": None, "market_cap_rank": None, "market_cap_usd": None},
)
PROVIDERS = ("coingecko", "coinmarketcap", "third")


def source(one: Snapshot) -> SourceFigures:
    assert one.observed_at is not None
    names = [name for name in SourceFigures.__dataclass_fields__ if name != "observed_at"]
    return SourceFigures(observed_at=one.observed_at, **{name: getattr(one, name) for name in names})


def scored(database_url: str) -> dict[int, Quality]:
    columns = f"asset_id, data_quality_score, tier, unavailable, {', '.join(TERMS)}"
    return {
        asset: Quality(
            score=score,
            tier=tier,
            terms={name: value for name, value in zip(TERMS, terms, strict=True) if value is not None},
            unavailable=unavailable,
        )
        for asset, score, tier, unavailable, *terms in rows(database_url, f"SELECT {columns} FROM market.close_quality")
    }


def test_the_score_is_what_the_formula_gives_for_one_two_and_three_sources(database_url: str) -> None:
    batch: list[Snapshot] = []
    expected: dict[int, Quality] = {}
    for asset, said in enumerate(
        [*([one] for one in CHANGES), *map(list, product(CHANGES, repeat=2)), *map(list, product(CHANGES, repeat=3))], 1
    ):
        sources = [
            sample(NOON, provider=provider, asset_id=asset, **SOUND | changes)
            for provider, changes in zip(PROVIDERS, said, strict=False)
        ]
        batch += sources
        first, *others = map(source, sources)
        expected[asset] = quality_of(first, others, end=NOON.replace(second=0) + MINUTE)
    store(database_url, *batch)
    found = scored(database_url)
    assert {asset: (found[asset], quality) for asset, quality in expected.items() if found[asset] != quality} == {}
    assert len({quality.score for quality in found.values()}) > 20


def test_a_second_source_that_disagrees_lowers_the_score_though_the_close_stays(database_url: str) -> None:
    store(database_url, sample(NOON, **SOUND))
    ((before,),) = rows(database_url, "SELECT data_quality_score FROM market.close_quality")
    store(database_url, sample(NOON, provider="coinmarketcap", **SOUND | {"price_usd": Decimal(3)}))
    ((after,),) = rows(database_url, "SELECT data_quality_score FROM market.close_quality")
    assert after < before
    assert rows(database_url, "SELECT price_usd FROM market.minute_close") == [(2,)]
    assert rows(database_url, "SELECT data_quality_score FROM market.close_quality_revisions") == [(before,)]
