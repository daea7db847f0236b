"""The newest stored sample of each provider and asset, kept beside the samples: what the next answer is held against.

It follows from the samples alone: of two the one observed later stays, of two versions of one the one fetched later,
in whatever order they come. Only how often figures stayed as they were is counted as samples come: what comes late is
not counted any more.
What does not belong here: judging an answer by it (refine.batch_nature), what became of absent assets (slots).
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Final

import msgspec
from psycopg import sql

from cryptoflow.contracts.closes import market_snapshots
from cryptoflow.contracts.control import last_samples as last_samples_table
from cryptoflow.refine.batch_samples import FIGURES
from cryptoflow.warehouse.naming import column_list
from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.staging import stage_of
from cryptoflow.warehouse.statements import statement

# Counting ends there: what stood still so often stands still.
_MOST_TIMES: Final = 1_000


class LastSample(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider said of an asset last."""

    observed_at: datetime
    fetched_at: datetime
    price_usd: Decimal
    volume_24h_usd: Decimal | None
    market_cap_usd: Decimal | None
    market_cap_rank: int | None
    payload_sha256: bytes
    missing: frozenset[str] | None
    """The figures that it lacked; None: not known."""
    unchanged_times: int
    """How often price and volume came again as they were, though its time had moved on."""


def last_samples(connection: Connection) -> dict[str, dict[int, LastSample]]:
    """By provider and asset, what stands."""
    found: dict[str, dict[int, LastSample]] = {}
    rows = connection.execute(statement("ops/select_last_samples"))
    for provider, asset_id, observed_at, fetched_at, price, volume, cap, rank, sha256, missing, unchanged in rows:
        found.setdefault(provider, {})[asset_id] = LastSample(
            observed_at=observed_at,
            fetched_at=fetched_at,
            price_usd=price,
            volume_24h_usd=volume,
            market_cap_usd=cap,
            market_cap_rank=rank,
            payload_sha256=sha256,
            missing=None if missing is None else frozenset(missing),
            unchanged_times=unchanged,
        )
    return found


def keep_last_samples(connection: Connection) -> None:
    """Take the samples that stand in the stage of the snapshots, after the bad ones were refused."""
    connection.execute(_keep_statement())


@cache
def _keep_statement() -> sql.Composed:
    return sql.SQL(
        """
        INSERT INTO ops.last_samples AS known (
            provider, asset_id, observed_at, fetched_at, price_usd, volume_24h_usd, market_cap_rank, payload_sha256,
            market_cap_usd, missing
        )
        SELECT DISTINCT ON (provider, asset_id)
            provider, asset_id, observed_at, fetched_at, price_usd, volume_24h_usd, market_cap_rank, payload_sha256,
            market_cap_usd, array_remove(ARRAY[{missing}], NULL) AS missing
        FROM {stage}
        ORDER BY provider, asset_id, observed_at DESC, fetched_at DESC, payload_sha256 DESC
        ON CONFLICT (provider, asset_id) DO UPDATE
            SET
                observed_at = excluded.observed_at,
                fetched_at = excluded.fetched_at,
                price_usd = excluded.price_usd,
                volume_24h_usd = excluded.volume_24h_usd,
                market_cap_rank = excluded.market_cap_rank,
                payload_sha256 = excluded.payload_sha256,
                market_cap_usd = excluded.market_cap_usd,
                missing = excluded.missing,
                unchanged_times = CASE
                    WHEN
                        (excluded.price_usd, excluded.volume_24h_usd)
                        IS DISTINCT FROM (known.price_usd, known.volume_24h_usd) THEN 0
                    WHEN excluded.observed_at = known.observed_at THEN known.unchanged_times
                    ELSE least(known.unchanged_times + 1, {most})
                END
            WHERE
                (excluded.observed_at, excluded.fetched_at, excluded.payload_sha256)
                >= (known.observed_at, known.fetched_at, known.payload_sha256)
                AND ({said}) IS DISTINCT FROM ({stood})
        """
    ).format(
        stage=stage_of(market_snapshots),
        missing=sql.SQL(", ").join(
            sql.SQL("CASE WHEN {} IS NULL THEN {} END").format(sql.Identifier(name), sql.Literal(name))
            for name in FIGURES
        ),
        most=sql.Literal(_MOST_TIMES),
        said=_told("excluded"),
        stood=_told("known"),
    )


def _told(version: str) -> sql.Composed:
    """What the newest sample says; how often it stayed follows from it."""
    names = [column.name for column in last_samples_table.columns if column.name != "unchanged_times"]
    return column_list(names, of=version)
