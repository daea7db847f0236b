"""Expectations that no single row can break: written by hand, for every table of one shape alike.

Each function returns one rule for a given table. The tolerances are those of docs/quality.md.
What does not belong here: which table has which rules (suites), comparing grains (reconciliation).
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Final

import sqlalchemy as sa
from psycopg import sql

from cryptoflow.cadence import Grain
from cryptoflow.quality.rules import NoRow

# How far two sources may be apart in one minute, as a ratio: five times the tolerance at which agreement begins to
# count less, so that what is told here is no longer a matter of taste.
AGREEMENT: Final = {
    "price_usd": Decimal("0.025"),
    "market_cap_usd": Decimal("0.15"),
    "circulating_supply": Decimal("0.10"),
    "volume_24h_usd": Decimal("1.0"),
}
# How far the mean of a whole group may move from one bucket to the next (as a logarithm): beyond it, a unit changed.
MEAN_STEP: Final = {Grain.MINUTE: 0.10, Grain.HOUR: 0.25, Grain.DAY: 0.50, Grain.WEEK: 1.0, Grain.MONTH: 1.5}
# How far one price may move while its volume stands still.
QUIET_STEP: Final = {Grain.MINUTE: 0.4, Grain.HOUR: 0.4, Grain.DAY: 0.7, Grain.WEEK: 1.0, Grain.MONTH: 1.5}
LEAST_GROUP: Final = 20
_SAMPLE_KEY: Final = "bucket, asset_id"


def supplies_chain(key: str) -> NoRow:
    """Circulating <= total <= max, as the provider gives them."""
    return NoRow(
        name="supplies.chain",
        check="supplies_chain",
        what="Circulating supply is at most total supply, and that at most max supply.",
        severity="warning",
        cure="The provider says so itself: compare its page; an alias may point to another asset.",
        query=f"SELECT {key}, circulating_supply, total_supply, max_supply FROM {{batch}}"  # noqa: S608 - names of columns
        " WHERE circulating_supply > total_supply OR total_supply > max_supply OR circulating_supply > max_supply",
    )


def ranks_differ() -> NoRow:
    """No two assets share a rank within one provider's tick."""
    return NoRow(
        name="ranks.unique",
        check="ranks_differ",
        what="Within one provider and tick a rank belongs to one asset.",
        severity="warning",
        cure="A ranking that moves between two pages does this for a tick; when it stays, look for doubled assets.",
        query="SELECT provider, slot, market_cap_rank, count(DISTINCT asset_id) AS assets FROM {batch}"
        " WHERE market_cap_rank IS NOT NULL GROUP BY provider, slot, market_cap_rank"
        " HAVING count(DISTINCT asset_id) > 1",
    )


def order_of_prices() -> NoRow:
    """Low <= open, close <= high."""
    return NoRow(
        name="prices.order",
        check="prices_order",
        blocks=True,
        what="The low is at most open and close, and the high at least.",
        cure="Rebuild the bucket: materialize its partition in Dagster.",
        query=f"SELECT {_SAMPLE_KEY}, open_usd, high_usd, low_usd, price_usd FROM {{batch}}"  # noqa: S608 - names of columns
        " WHERE low_usd > least(open_usd, price_usd) OR high_usd < greatest(open_usd, price_usd)",
    )


def group_means_continue(grain: Grain) -> NoRow:
    """The mean price step of a market-cap band, over assets that are in both buckets, stays within bounds."""
    return NoRow(
        name="group_means.continue",
        check="group_means_continue",
        blocks=True,
        what=f"From one {grain} to the next the mean price of a band of the ranking moves by less than"
        f" {MEAN_STEP[grain]:.2f} (logarithm).",
        cure="A whole group moves when a unit or a currency changed: compare the raw answers around the bucket.",
        query=_STEPS.format(
            grain=sql.Literal(grain.value),
            verdict=sql.SQL(
                "SELECT bucket, band, count(*) AS assets, round(avg(step)::numeric, 6) AS mean_step FROM steps"
                " WHERE before + length = bucket GROUP BY bucket, band HAVING count(*) >= {least}"
                " AND abs(avg(step)) >= {limit}"
            ).format(least=sql.Literal(LEAST_GROUP), limit=sql.Literal(MEAN_STEP[grain])),
        ).as_string(),
    )


def jumps_have_volume(grain: Grain) -> NoRow:
    """A price that jumps while the volume of 24 hours does not move is more likely an error than a trade."""
    return NoRow(
        name="price_jump.with_volume",
        check="jumps_have_volume",
        what=f"No price moves by {QUIET_STEP[grain]:.1f} (logarithm) from one {grain} to the next while volume stands"
        " still within 1 %.",
        severity="warning",
        cure="Compare the asset at another provider; `cryptoflow explain` shows the answer that it came from.",
        query=_STEPS.format(
            grain=sql.Literal(grain.value),
            verdict=sql.SQL(
                "SELECT bucket, asset_id, price_before, price_usd, volume_before, volume_24h_usd FROM steps"
                " WHERE before + length = bucket AND abs(step) >= {limit}"
                " AND abs(volume_24h_usd - volume_before) <= 0.01 * volume_before"
            ).format(limit=sql.Literal(QUIET_STEP[grain])),
        ).as_string(),
    )


# Each price with the one before it; in double precision, because only its size is judged.
_STEPS: Final = sql.SQL(
    """
    WITH steps AS (
        SELECT
            bucket, asset_id, price_usd, volume_24h_usd,
            lag(bucket) OVER earlier AS before,
            lag(price_usd) OVER earlier AS price_before,
            lag(volume_24h_usd) OVER earlier AS volume_before,
            ln(price_usd::float8 / nullif(lag(price_usd) OVER earlier, 0)::float8) AS step,
            ('1 ' || {grain})::interval AS length,
            CASE
                WHEN market_cap_rank <= 50 THEN 'top 50' WHEN market_cap_rank <= 250 THEN '51 to 250' ELSE 'rest'
            END AS band
        FROM {{batch}}
        WHERE price_usd > 0 AND price_usd < 'Infinity'
        WINDOW earlier AS (PARTITION BY asset_id ORDER BY bucket)
    )
    {verdict}
    """
)


def sources_agree() -> NoRow:
    """Two providers' samples of one asset in one minute are near each other."""
    apart = " OR ".join(
        f"abs(one.{name} - other.{name}) > {ratio} * abs(other.{name})" for name, ratio in AGREEMENT.items()
    )
    figures = ", ".join(f"one.{name}, other.{name} AS other_{name}" for name in AGREEMENT)
    return NoRow(
        name="sources.agree",
        check="sources_agree",
        what="In one minute two providers agree: "
        + ", ".join(f"{name} within {ratio:.1%}" for name, ratio in AGREEMENT.items())
        + ".",
        severity="warning",
        cure="When it stays with one asset, an alias points to another asset; with many, one provider is off.",
        query=f"SELECT one.observed_at, one.asset_id, one.provider, other.provider AS other_provider, {figures}"  # noqa: S608 - names of columns
        " FROM {batch} AS one INNER JOIN {batch} AS other ON one.asset_id = other.asset_id"
        " AND date_bin('1 minute', one.observed_at, 'epoch') = date_bin('1 minute', other.observed_at, 'epoch')"
        f" AND one.provider < other.provider WHERE {apart}",
    )


def is_fresh(instant: str, limit: timedelta) -> NoRow:
    """The newest observation is recent, whatever was materialized when."""
    minutes = round(limit.total_seconds() / 60)
    return NoRow(
        name="newest.recent",
        check="is_fresh",
        what=f"The newest {instant} is at most {minutes} minutes old.",
        cure="`cryptoflow gaps` says why minutes are missing, `cryptoflow doctor` what is broken.",
        query=f"SELECT max({instant}) AS newest FROM {{batch}}"  # noqa: S608 - names of columns
        f" HAVING coalesce(max({instant}), '-infinity') < %(ends)s - INTERVAL '{minutes} minutes'",
    )


def key_of(table: sa.Table) -> str:
    """The key's columns, for a sample."""
    return ", ".join(column.name for column in table.primary_key)
