"""One chart: asked for in the way that gives the finest points of a span, and read as rows for the warehouse.

What does not belong here: which charts to ask for, writing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptoflow.collect.quarantining import refused
from cryptoflow.contracts.closes import market_chart_points
from cryptoflow.refine.history_plan import FINE_DAYS, ChartRequest
from cryptoflow.sources.coingecko import CoinGecko, MarketChart
from cryptoflow.sources.decode import BadRow
from cryptoflow.sources.providers import COINGECKO
from cryptoflow.warehouse.chart_points import ChartPoint
from cryptoflow.warehouse.quarantine import RefusedRow

DATASET: Final = f"{market_chart_points.schema}.{market_chart_points.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartAnswer:
    """What a chart gave: its points, and the pairs of a series that cannot be read."""

    request: ChartRequest
    points: Sequence[ChartPoint]
    refused: Sequence[RefusedRow]


async def ask_chart(gecko: CoinGecko, request: ChartRequest, *, run_id: str | None) -> ChartAnswer:
    """Ask for the chart. Fine points are in the chart of the last day only, whatever range is asked for."""
    if request.is_fine:
        chart = await gecko.market_chart(request.asset.key, days=FINE_DAYS)
    else:
        chart = await gecko.market_chart_range(request.asset.key, start=request.starts_at, end=request.ends_at)
    return read_chart(chart, request, run_id=run_id)


def read_chart(chart: MarketChart, request: ChartRequest, *, run_id: str | None) -> ChartAnswer:
    """The points on the grid; the one of "now" is left to the ticks."""
    points = [
        ChartPoint(
            observed_at=point.observed_at,
            provider=COINGECKO,
            asset_id=request.asset.asset_id,
            price_usd=point.price_usd,
            market_cap_usd=point.market_cap_usd,
            volume_24h_usd=point.volume_24h_usd,
            fetched_at=chart.answer.fetched_at,
            payload_sha256=chart.answer.payload_sha256,
            run_id=run_id,
        )
        for point in chart.points
        if not point.is_live
    ]
    bad = [_refused(row, series, chart) for series, rows in chart.bad.items() for row in rows]
    return ChartAnswer(request=request, points=points, refused=bad)


def _refused(row: BadRow, series: str, chart: MarketChart) -> RefusedRow:
    """A pair alone says neither of which coin nor of which series it is."""
    told = BadRow(index=row.index, raw=f"{chart.coingecko_id} {series}[{row.index}] {row.raw}", reason=row.reason)
    return refused(told, chart.answer.payload_sha256, dataset=DATASET, provider=COINGECKO)
