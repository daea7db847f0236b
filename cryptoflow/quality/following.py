"""What follows from closes, from scratch: every close of the last hour has its velocity and score, and nothing else.

Both are written in the transaction of their close, so they are compared in one statement, that is at one instant, and
need no grace. Figures are computed here in another way than the writers do it.
What does not belong here: closes themselves (reconciliation), candles (candle_reconciliation).
"""

from __future__ import annotations

from typing import Final

from psycopg import sql

from cryptoflow.contracts.close_quality import close_quality
from cryptoflow.contracts.closes import minute_close
from cryptoflow.contracts.velocity import HIGHEST, velocity
from cryptoflow.quality.rules import NoRow
from cryptoflow.refine.quality_score import HIGH, MEDIUM, WEIGHTS
from cryptoflow.warehouse.velocity import MARK

# Wider than what rounding to the digits that are stored can make of them.
_VELOCITY_APART: Final = "0.00000001"
_SCORE_APART: Final = "0.000001"


def velocity_follows_closes() -> NoRow:
    """Each close has a velocity, which is its volume over its cap."""
    return NoRow(
        name="reconciles.with_closes",
        check="reconciles",
        blocks=True,
        what="Each minute close of the last hour has its velocity, volume of 24 hours / market cap, and no velocity is"
        " without a close. Hours that wait to be computed are left out.",
        cure="`cryptoflow explain velocity` shows how a row comes about; a correction of the close computes it anew.",
        query=_PAIRED.format(
            closes=_named(minute_close),
            rows=_named(velocity),
            shown=sql.SQL("closes.volume_24h_usd, closes.market_cap_usd, found.velocity, expected.velocity AS wanted"),
            expected=sql.SQL(
                "CASE WHEN coalesce(closes.market_cap_usd, 0) <= 0 THEN 0 WHEN closes.volume_24h_usd IS NOT NULL"
                " THEN least(closes.volume_24h_usd / closes.market_cap_usd, {highest}) END AS velocity"
            ).format(highest=sql.Literal(HIGHEST)),
            differs=sql.SQL(
                "(found.velocity IS NULL) <> (expected.velocity IS NULL)"
                f" OR abs(found.velocity - expected.velocity) > {_VELOCITY_APART}"
            ),
            waiting=sql.SQL(
                "AND NOT EXISTS (SELECT 1 FROM ops.dirty_buckets AS marked WHERE marked.grain = {mark}"
                " AND marked.bucket = date_trunc('hour', coalesce(closes.bucket, found.bucket), 'UTC')"
                " AND marked.asset_id = coalesce(closes.asset_id, found.asset_id))"
            ).format(mark=sql.Literal(MARK)),
        ).as_string(),
    )


def scores_follow_closes() -> NoRow:
    """Each close has a score, which is the weighted mean of the terms that are known."""
    weighted = " + ".join(f"{weight} * coalesce(found.{name}, 0)" for name, weight in WEIGHTS.items())
    weights = " + ".join(f"CASE WHEN found.{name} IS NULL THEN 0 ELSE {weight} END" for name, weight in WEIGHTS.items())
    tier = f"CASE WHEN score >= {HIGH} THEN 'High' WHEN score >= {MEDIUM} THEN 'Medium' ELSE 'Low' END"
    return NoRow(
        name="reconciles.with_closes",
        check="reconciles",
        blocks=True,
        what="Each minute close of the last hour has its score, the weighted mean of its known terms, with the tier of"
        " that score, and no score is without a close.",
        cure="A correction of the close scores it anew; `cryptoflow explain minute_close` shows its samples.",
        query=_PAIRED.format(
            closes=_named(minute_close),
            rows=_named(close_quality),
            shown=sql.SQL(
                "found.data_quality_score, expected.score AS wanted, found.tier, expected.tier AS wanted_tier"
            ),
            expected=sql.SQL(
                f"score, {tier} AS tier FROM (SELECT ({weighted}) / nullif({weights}, 0) AS score) AS weighed"
            ),
            differs=sql.SQL(
                f"abs(found.data_quality_score - expected.score) > {_SCORE_APART} OR expected.score IS NULL"
                # At the edge of a tier the digits that rounding took away decide.
                f" OR found.tier <> {tier.replace('score', 'found.data_quality_score')}"
            ),
            waiting=sql.SQL(""),
        ).as_string(),
    )


_PAIRED: Final = sql.SQL(
    """
    /* beside {{batch}} */
    WITH closes AS (
        SELECT * FROM {closes} WHERE bucket >= %(ends)s - INTERVAL '1 hour' AND bucket < %(ends)s
    ),

    found AS (
        SELECT * FROM {rows} WHERE bucket >= %(ends)s - INTERVAL '1 hour' AND bucket < %(ends)s
    )

    SELECT
        coalesce(closes.bucket, found.bucket) AS bucket, coalesce(closes.asset_id, found.asset_id) AS asset_id,
        CASE
            WHEN found.bucket IS NULL THEN 'missing' WHEN closes.bucket IS NULL THEN 'made up' ELSE 'differs'
        END AS verdict,
        {shown}
    FROM closes
    FULL JOIN found ON closes.bucket = found.bucket AND closes.asset_id = found.asset_id
    CROSS JOIN LATERAL (SELECT {expected}) AS expected
    WHERE (found.bucket IS NULL OR closes.bucket IS NULL OR {differs}) {waiting}
    """
)


def _named(table: object) -> sql.SQL:
    return sql.SQL(str(table))
