"""`cryptoflow gaps`: what is missing, and why."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from cryptoflow.cadence import Grain, bucket_start
from cryptoflow.cli.candle_proof import tell_candle_gaps
from cryptoflow.cli.options import HomeOption, JsonOption, instant_of
from cryptoflow.cli.output import Format, Rows, print_json, print_rows
from cryptoflow.errors import UsageError
from cryptoflow.settings import load_settings

if TYPE_CHECKING:
    from cryptoflow.warehouse.coarse_gaps import CoarseGap
    from cryptoflow.warehouse.gaps import Gap

app = typer.Typer()

SLOTS = "raw.market_snapshots"
# The tables whose rows come from those slots, by the grain of a row.
GRAINS = {
    "minute_close": Grain.MINUTE,
    "market_snapshots": Grain.MINUTE,
    "hourly_close": Grain.HOUR,
    "daily_close": Grain.DAY,
    "weekly_close": Grain.WEEK,
    "monthly_close": Grain.MONTH,
}
# How far back is looked when nobody says.
_SPANS = {
    Grain.MINUTE: timedelta(days=1),
    Grain.HOUR: timedelta(days=1),
    Grain.DAY: timedelta(days=30),
    Grain.WEEK: timedelta(weeks=12),
    Grain.MONTH: timedelta(days=366),
}
# A slot is told of when its tick has ended; until then it is not missing.
_STILL_OPEN = timedelta(minutes=2)


@app.command()
def gaps(
    dataset: Annotated[
        str,
        typer.Option(
            "--dataset", help="minute_close, a close of another grain such as hourly_close, or price_candles."
        ),
    ] = "minute_close",
    asset: Annotated[str | None, typer.Option("--asset", help="Slug of one asset; default: all.")] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="First instant; default: a day, or some buckets, before --to.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Last instant; default: two minutes ago.")] = None,
    planned: Annotated[bool, typer.Option("--planned", help="Tell also the slots in which nothing was due.")] = False,
    exchange: Annotated[str | None, typer.Option("--exchange", help="Of price_candles: the exchange.")] = None,
    symbol: Annotated[str | None, typer.Option("--symbol", help="Of price_candles: the pair, e.g. BTCUSDT.")] = None,
    json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Print every stretch of slots that was not observed, or bucket that is not whole, with its state and reason."""
    if dataset == "price_candles":
        tell_candle_gaps(exchange=exchange, symbol=symbol, start=start, end=end, json=json, home=home)
        return
    from cryptoflow.runtime.session import database_for_command
    from cryptoflow.warehouse.coarse_gaps import find_coarse_gaps
    from cryptoflow.warehouse.gaps import find_gaps

    grain = GRAINS.get(dataset)
    if grain is None:
        raise UsageError(f"There are no slots of {dataset!r}.", cure=f"Known: {', '.join(GRAINS)}.")
    ends = bucket_start(instant_of(end) if end else datetime.now(UTC) - _STILL_OPEN, grain)
    starts = bucket_start(instant_of(start) if start else ends - _SPANS[grain], grain)
    with database_for_command(load_settings(home=home)) as endpoints:
        if grain is Grain.MINUTE:
            _tell(
                find_gaps(
                    endpoints.database_url, dataset=SLOTS, starts=starts, ends=ends, planned=planned, asset=asset
                ),
                json=json,
            )
        else:
            _tell_coarse(
                find_coarse_gaps(endpoints.database_url, grain, dataset=SLOTS, starts=starts, ends=ends, asset=asset),
                json=json,
            )


def _tell(found: list[Gap], *, json: bool) -> None:
    if json:
        print_json([asdict(gap) | {"slots": gap.slots} for gap in found])
        return
    rows = [(gap.provider, gap.asset, gap.starts, gap.ends, gap.slots, gap.state, gap.reason) for gap in found]
    columns = ("provider", "asset", "from", "to", "slots", "state", "reason")
    print_rows(Rows(columns=columns, rows=rows), form=Format.TABLE)


def _tell_coarse(found: list[CoarseGap], *, json: bool) -> None:
    if json:
        print_json([asdict(gap) for gap in found])
        return
    rows = [
        (gap.bucket, gap.assets_due, gap.assets_missing, gap.assets_short, gap.mean_coverage, _slots_in_words(gap))
        for gap in found
    ]
    columns = ("bucket", "assets due", "missing", "with samples missing", "mean coverage", "its slots")
    print_rows(Rows(columns=columns, rows=rows), form=Format.TABLE)


def _slots_in_words(gap: CoarseGap) -> str:
    told = (
        f"{one.provider} {one.state} {one.slots}" + (f" ({one.reason.rstrip('.')})" if one.reason else "")
        for one in gap.slots
    )
    return "; ".join(told) or "nothing was collected"
