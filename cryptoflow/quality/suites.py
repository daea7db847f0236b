"""Which table is expected to keep which rules, and how far back it is looked at. A new fact table is here by itself.

The rules of the contract hold for every table of facts; hand-written ones are added by table below. See docs/quality.md
for how to add one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Final

import sqlalchemy as sa

from cryptoflow.cadence import Grain
from cryptoflow.contracts import Contract, contract_of, contracts
from cryptoflow.contracts.candles import coarse_candles, symbols
from cryptoflow.contracts.close_quality import close_quality
from cryptoflow.contracts.closes import CLOSES, market_snapshots, minute_close
from cryptoflow.contracts.market import asset_aliases, assets
from cryptoflow.contracts.velocity import velocity
from cryptoflow.errors import UsageError
from cryptoflow.quality.across_rows import (
    group_means_continue,
    is_fresh,
    jumps_have_volume,
    key_of,
    order_of_prices,
    ranks_differ,
    sources_agree,
    supplies_chain,
)
from cryptoflow.quality.candle_reconciliation import candles_agree_with_finer
from cryptoflow.quality.following import scores_follow_closes, velocity_follows_closes
from cryptoflow.quality.reconciliation import agrees_with_finer, minutes_have_samples
from cryptoflow.quality.rendered import contract_rules
from cryptoflow.quality.rules import Rule, Suite

# A window is wide enough to judge by and small enough to be read every hour.
REACH: Final = {
    Grain.MINUTE: timedelta(hours=2),
    Grain.HOUR: timedelta(days=2),
    Grain.DAY: timedelta(days=62),
    Grain.WEEK: timedelta(days=371),
    Grain.MONTH: timedelta(days=1100),
}
# Of tables that are written as the world goes: what their partitions hold of time says how many rows there are.
_REACH_OF_PARTITIONS: Final = {
    "hour": timedelta(minutes=15),
    "day": timedelta(hours=2),
    "month": timedelta(days=2),
    "year": timedelta(days=62),
}
# Identity is small and is looked at as a whole.
_WHOLE: Final = (assets, asset_aliases, symbols)
# Schemas that hold what the platform did, not what the world is.
_NOT_FACTS: Final = frozenset({"ops", "auth"})
# The share of rows that have an optional figure: what the large aggregators really give, with room below it. Charts
# do not tell the supply, and closes may for months come from charts alone, so it is wanted of listings only.
_LEAST_GIVEN: Final = {"market_cap_usd": 0.5, "volume_24h_usd": 0.5}
_LEAST_GIVEN_BY_LISTINGS: Final = {**_LEAST_GIVEN, "circulating_supply": 0.5}
_STALE: Final = timedelta(minutes=45)


@cache
def suites() -> Mapping[str, Suite]:
    """Every suite by its dataset, in the order of the contracts."""
    tables = [table for table in contracts() if table in _WHOLE or _holds_facts(table)]
    return {suite.dataset: suite for suite in map(_suite, tables)}


def suite_of(dataset: str) -> Suite:
    """The suite of a dataset; its schema may be left out."""
    found = [suite for name, suite in suites().items() if dataset in {name, name.partition(".")[2]}]
    if not found:
        raise UsageError(f"There are no expectations of {dataset!r}.", cure=f"Known: {', '.join(suites())}.")
    return found[0]


def _holds_facts(table: sa.Table) -> bool:
    """Rows by time that say how the world was; superseded versions of them were judged when they were new.

    Such a table has a clock in its key, and is written on a grid of time or so much that it is partitioned by it.
    """
    contract = contract_of(table)
    return (
        (contract.cadence is not None or contract.partition is not None)
        and contract.clock in {column.name for column in table.primary_key}
        and table.schema not in _NOT_FACTS
        and not table.name.endswith("_revisions")
    )


def _suite(table: sa.Table) -> Suite:
    wanted = _LEAST_GIVEN_BY_LISTINGS if table is market_snapshots else _LEAST_GIVEN
    least_given = {name: share for name, share in wanted.items() if name in table.columns}
    rules = [*contract_rules(table, least_given=least_given), *_by_hand(table)]
    return Suite(table=table, rules=rules, reach=None if table in _WHOLE else _reach(contract_of(table)))


def _reach(contract: Contract) -> timedelta:
    if contract.cadence is not None:
        return REACH[contract.cadence]
    assert contract.partition is not None
    return _REACH_OF_PARTITIONS[contract.partition]


def _by_hand(table: sa.Table) -> Sequence[Rule]:
    if table is market_snapshots:
        return [supplies_chain(key_of(table)), ranks_differ(), sources_agree(), is_fresh("observed_at", _STALE)]
    if table is velocity:
        return [velocity_follows_closes()]
    if table is close_quality:
        return [scores_follow_closes()]
    if table is coarse_candles:
        return list(candles_agree_with_finer())
    for grain, closes in CLOSES.items():
        if table is closes:
            return _of_closes(closes, grain)
    return []


def _of_closes(table: sa.Table, grain: Grain) -> list[Rule]:
    shared = [group_means_continue(grain), jumps_have_volume(grain), supplies_chain(key_of(table))]
    if table is minute_close:
        return [*shared, minutes_have_samples(), is_fresh("observed_at", _STALE)]
    return [*shared, order_of_prices(), agrees_with_finer(grain), is_fresh("last_at", _STALE)]
