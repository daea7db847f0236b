"""Late changes to minutes that are long final: a thousand of them, anywhere in a week of two thousand assets.

Ours closes the minutes anew and builds the hours, days, weeks and months that hold them, keeping what they said before.
The peer closes the same minutes and builds every bucket of the week. Velocity is part of neither: that of late changes
is computed later, in batches. A minute in five is there, which makes building everything cheaper than it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from random import Random
from typing import Final

import msgspec
import psycopg

from bench.contest import Bench, Beside, Contest, Row, Side, faster
from bench.minutes import DAY, make_minutes, some_days_ago
from bench.room import Room
from cryptoflow.cadence import Grain, bucket_start
from cryptoflow.contracts.closes import market_snapshots
from cryptoflow.sources.providers import COINGECKO
from cryptoflow.warehouse.merge import written_columns
from cryptoflow.warehouse.minutes import close_minutes
from cryptoflow.warehouse.pool import Connection, transaction
from cryptoflow.warehouse.rollups import build_marked, lock_closes, mark_range
from cryptoflow.warehouse.snapshots import Snapshot
from cryptoflow.warehouse.staging import merge_staged, stage_rows

_DAYS: Final = 7
_STEP: Final = 5
_ASSETS_PER_CHANGE: Final = 2
_EVERY_BUCKET: Final = 100_000_000
_ROWS: Final = """
    SELECT 'hour', bucket, asset_id, open_usd, high_usd, low_usd, price_usd, samples FROM market.hourly_close
    UNION ALL
    SELECT 'day', bucket, asset_id, open_usd, high_usd, low_usd, price_usd, samples FROM market.daily_close
    UNION ALL
    SELECT 'month', bucket, asset_id, open_usd, high_usd, low_usd, price_usd, samples FROM market.monthly_close
    ORDER BY 1, 2, 3
"""


@contextmanager
def _open(room: Room, items: int) -> Iterator[Contest]:
    start = some_days_ago(_DAYS)
    assets = items * _ASSETS_PER_CHANGE
    with room.warehouse() as url, psycopg.connect(url) as connection:
        make_minutes(connection, assets=assets, start=start, days=_DAYS, step=_STEP)
        _build_all(url, start)
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE market.minute_close, market.hourly_close, market.daily_close")
        corrections = _Corrections(url, _samples(start, assets=assets, changes=items))

        def correct() -> None:
            with transaction(url) as writing:
                corrections.close_with(writing, factor=Decimal("1.07"))
                build_marked(writing, recorded_at=corrections.recorded_at)

        def correct_and_build_all() -> None:
            with transaction(url) as writing:
                corrections.close_with(writing, factor=Decimal("1.07"))
                mark_range(writing, Grain.HOUR, start=start, end=start + _DAYS * DAY)
                build_marked(writing, recorded_at=corrections.recorded_at, most=_EVERY_BUCKET)

        def take_back() -> None:
            """The minutes say again what they said, and so does everything above them."""
            with transaction(url) as writing:
                corrections.close_with(writing, factor=Decimal(1))
                build_marked(writing, recorded_at=corrections.recorded_at)
            connection.execute("DELETE FROM ops.dirty_buckets")

        def rows() -> list[Row]:
            return connection.execute(_ROWS).fetchall()

        yield Contest(
            ours=Side(work=correct, rows=lambda _: rows(), before=take_back),
            beside=(
                Beside(
                    side=Side(
                        name="building everything",
                        work=correct_and_build_all,
                        rows=lambda _: rows(),
                        before=take_back,
                    ),
                    goal=faster(50),
                ),
            ),
        )


class _Corrections:
    """The changed samples, each time fetched a little later, so that they count."""

    def __init__(self, url: str, samples: Sequence[Snapshot]) -> None:
        self._url = url
        self._samples = samples
        self._fetched_at = datetime.now(UTC)
        self.recorded_at = self._fetched_at

    def close_with(self, connection: Connection, *, factor: Decimal) -> None:
        """Store the samples with another price, and close their minutes."""
        self._fetched_at += timedelta(seconds=1)
        self.recorded_at = lock_closes(connection)
        changed = (
            msgspec.structs.replace(one, price_usd=one.price_usd * factor, fetched_at=self._fetched_at)
            for one in self._samples
            if one.price_usd is not None
        )
        stage_rows(connection, market_snapshots, map(attrgetter(*written_columns(market_snapshots)), changed))
        keys = merge_staged(
            connection, market_snapshots, recorded_at=self.recorded_at, newest="fetched_at DESC, payload_sha256 DESC"
        )
        minutes = sorted({(bucket_start(instant, Grain.MINUTE), asset) for instant, _, asset in keys})
        close_minutes(connection, minutes, recorded_at=self.recorded_at)


def _samples(start: datetime, *, assets: int, changes: int) -> list[Snapshot]:
    """One for each change, in different minutes, the same in every run."""
    dice = Random(7)  # noqa: S311  (the same places in every run, no secret)
    slots = _DAYS * 24 * 60 // _STEP
    places = {(dice.randrange(slots), dice.randrange(assets)) for _ in range(changes)}
    return [_sample(start + slot * _STEP * timedelta(minutes=1), 1 + asset) for slot, asset in sorted(places)]


def _sample(minute: datetime, asset: int) -> Snapshot:
    nothing_more = dict.fromkeys(
        (
            "fully_diluted_valuation_usd",
            "price_change_1h_percent",
            "price_change_24h_percent",
            "price_change_7d_percent",
            "total_supply",
            "max_supply",
            "run_id",
        )
    )
    return Snapshot(
        observed_at=minute + timedelta(seconds=40),
        provider=COINGECKO,
        asset_id=asset,
        slot=minute,
        fetched_at=minute,
        price_usd=Decimal(asset),
        market_cap_usd=Decimal(asset * 1_000_000),
        volume_24h_usd=Decimal(asset * 54_321),
        circulating_supply=Decimal(asset * 1_000_003),
        market_cap_rank=asset,
        payload_sha256=b"\x00" * 32,
        **nothing_more,
    )


def _build_all(url: str, start: datetime) -> None:
    with transaction(url) as connection:
        recorded_at = lock_closes(connection)
        mark_range(connection, Grain.HOUR, start=start, end=start + _DAYS * DAY)
        build_marked(connection, recorded_at=recorded_at, most=_EVERY_BUCKET)
        connection.execute("DELETE FROM ops.dirty_buckets")


BENCHES: Final = (Bench(name="correction", about="late changes in a week", items=1_000, open=_open),)
