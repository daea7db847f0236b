"""Market snapshots into the warehouse: stage, check, merge, close, roll up, account. One transaction, all or nothing.

    COPY into a stage -> hard rules split it (quarantine) -> changed rows into raw.market_snapshots, old versions kept
    -> the minutes they touch are closed anew -> coarser buckets are marked and built -> slot and collection are closed

What does not belong here: asking providers (collect), what a coarse close is (rollups).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Final

import sqlalchemy as sa
from psycopg import sql

from cryptoflow.cadence import Grain, bucket_start
from cryptoflow.contracts.closes import market_snapshots, minute_close
from cryptoflow.contracts.contract import hard_rule
from cryptoflow.warehouse.merge import merge_statement, written_columns
from cryptoflow.warehouse.partitions import ensure_partitions
from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.rollups import Built, build_marked, lock_closes, mark_coarser
from cryptoflow.warehouse.statements import statement

# Where fewer than three sources speak, the earlier of these is believed.
PRIORITY: Final = ("coingecko", "coinmarketcap")
CLOSE_FORMULA_VERSION: Final = 1
_STAGE: Final = sql.Identifier("staged_snapshots")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One provider's figures of one asset at one instant."""

    observed_at: datetime | None
    provider: str
    asset_id: int
    slot: datetime
    fetched_at: datetime
    price_usd: Decimal | None
    market_cap_usd: Decimal | None
    volume_24h_usd: Decimal | None
    circulating_supply: Decimal | None
    total_supply: Decimal | None
    max_supply: Decimal | None
    market_cap_rank: int | None
    fully_diluted_valuation_usd: Decimal | None
    price_change_1h_percent: Decimal | None
    price_change_24h_percent: Decimal | None
    price_change_7d_percent: Decimal | None
    payload_sha256: bytes
    run_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a batch changed."""

    received: int
    refused_by: Mapping[str, int]
    stored: int
    minutes: int
    built: Sequence[Built]

    @property
    def refused(self) -> int:
        """Rows of all providers that broke a rule."""
        return sum(self.refused_by.values())


def store_snapshots(connection: Connection, snapshots: Iterable[Snapshot]) -> Written:
    """Store a batch, in the caller's transaction. The same batch a second time changes nothing."""
    recorded_at = lock_closes(connection)
    received = _stage(connection, snapshots)
    refused = connection.execute(_refuse_statement(), {"dataset": "raw.market_snapshots"}).fetchall()
    stored = _merge(connection, recorded_at)
    minutes = close_minutes(connection, _minutes_of(stored), recorded_at=recorded_at)
    return Written(
        received=received,
        refused_by=dict(refused),
        stored=len(stored),
        minutes=len(minutes),
        built=build_marked(connection, recorded_at=recorded_at),
    )


def close_minutes(
    connection: Connection, keys: Sequence[tuple[datetime, int]], *, recorded_at: datetime
) -> list[tuple[datetime, int]]:
    """Close the given minutes of the given assets anew from the snapshots; returns those that say something new."""
    if not keys:
        return []
    buckets, assets = zip(*keys, strict=True)
    ensure_partitions(connection, minute_close, set(buckets))
    rows = connection.execute(
        _close_statement(),
        {
            "buckets": list(buckets),
            "assets": list(assets),
            "low": min(buckets),
            "high": max(buckets),
            "priority": list(PRIORITY),
            "version": CLOSE_FORMULA_VERSION,
            "recorded_at": recorded_at,
        },
    )
    changed = [(bucket, asset) for bucket, asset, _ in rows]
    mark_coarser(connection, Grain.MINUTE, changed)
    return changed


def _stage(connection: Connection, snapshots: Iterable[Snapshot]) -> int:
    names = written_columns(market_snapshots)
    connection.execute(
        sql.SQL("CREATE TEMPORARY TABLE IF NOT EXISTS {} (LIKE raw.market_snapshots) ON COMMIT DELETE ROWS").format(
            _STAGE
        )
    )
    for name in names:
        connection.execute(sql.SQL("ALTER TABLE {} ALTER COLUMN {} DROP NOT NULL").format(_STAGE, sql.Identifier(name)))
    connection.execute(sql.SQL("ALTER TABLE {} ALTER COLUMN recorded_at DROP NOT NULL").format(_STAGE))
    # A batch before this one in the same transaction has left its rows.
    connection.execute(sql.SQL("TRUNCATE {}").format(_STAGE))
    copy = sql.SQL("COPY {} ({}) FROM STDIN").format(_STAGE, sql.SQL(", ").join(map(sql.Identifier, names)))
    received = 0
    with connection.cursor() as cursor, cursor.copy(copy) as stream:
        for snapshot in snapshots:
            stream.write_row([getattr(snapshot, name) for name in names])
            received += 1
    return received


@cache
def _refuse_statement() -> sql.Composed:
    """Take the rows that break a hard rule out of the stage, and keep them in quarantine with the rule's name.

    Returns (provider, rows refused). To PostgreSQL, NaN and infinity are above every bound: each needs a rule.
    """
    rules = [(column.name, rule) for column in market_snapshots.columns if (rule := hard_rule(column))]
    rules += [
        (f"{column.name}_given", f"{column.name} IS NOT NULL")
        for column in market_snapshots.columns
        if not column.nullable and column.name != "recorded_at"
    ]
    rules += [
        (f"{column.name}_finite", f"{column.name} NOT IN ('NaN', 'Infinity', '-Infinity')")
        for column in market_snapshots.columns
        if isinstance(column.type, sa.Numeric)
    ]
    rules.append(("observed_before_fetched", "observed_at <= fetched_at + INTERVAL '2 minutes'"))
    broken = sql.SQL(" ").join(
        sql.SQL("WHEN NOT coalesce({}, true) THEN {}").format(sql.SQL(rule), sql.Literal(name)) for name, rule in rules
    )
    return sql.SQL(
        """
        WITH refused AS (
            DELETE FROM {stage} AS stage
            WHERE CASE {broken} END IS NOT NULL
            RETURNING
                stage.provider, stage.payload_sha256, stage.run_id, CASE {broken} END AS rule, to_jsonb(stage) AS held
        ),

        kept AS (
            INSERT INTO ops.quarantine AS known (
                dataset, provider, rule, reason, row_text, row_sha256, payload_sha256, run_id
            )
            SELECT DISTINCT ON (provider, rule, held)
                %(dataset)s, provider, rule, 'breaks the rule ' || rule || ' of the contract', held::text,
                sha256(convert_to(held::text, 'UTF8')), payload_sha256, run_id
            FROM refused
            ON CONFLICT (dataset, provider, rule, row_sha256) DO UPDATE
                SET times_seen = known.times_seen + 1, last_seen_at = now()
        )

        SELECT provider, count(*) FROM refused GROUP BY provider
        """
    ).format(stage=_STAGE, broken=broken)


def _merge(connection: Connection, recorded_at: datetime) -> list[tuple[datetime, int]]:
    """Merge the stage into the table. Of a sample that came twice in one batch, the one fetched last counts."""
    instants = {
        instant for (instant,) in connection.execute(sql.SQL("SELECT DISTINCT observed_at FROM {}").format(_STAGE))
    }
    ensure_partitions(connection, market_snapshots, instants)
    rows = connection.execute(_merge_statement(), {"recorded_at": recorded_at})
    return [(observed_at, asset) for observed_at, _, asset, _ in rows]


@cache
def _merge_statement() -> sql.Composed:
    return sql.SQL(
        """
        WITH incoming AS (
            SELECT DISTINCT ON (observed_at, provider, asset_id) {names}
            FROM {stage}
            ORDER BY observed_at ASC, provider ASC, asset_id ASC, fetched_at DESC, payload_sha256 DESC
        ),
        """
    ).format(
        names=sql.SQL(", ").join(map(sql.Identifier, written_columns(market_snapshots))), stage=_STAGE
    ) + merge_statement(market_snapshots)


def _minutes_of(keys: Iterable[tuple[datetime, int]]) -> list[tuple[datetime, int]]:
    return sorted({(bucket_start(instant, Grain.MINUTE), asset) for instant, asset in keys})


@cache
def _close_statement() -> sql.Composed:
    closes = sql.SQL(statement("market/select_minute_closes").decode().rstrip().removesuffix(";"))
    return sql.SQL("WITH incoming AS ({}\n), ").format(closes) + merge_statement(minute_close)
