"""`cryptoflow gaps`: what is missing, and why."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from cryptoflow.cadence import Grain, bucket_start
from cryptoflow.cli.candle_proof import tell_candle_gaps
from cryptoflow.cli.options import HomeOption, JsonOption, instant_of
from cryptoflow.cli.output import Format, Rows, print_json, print_rows
from cryptoflow.errors import UsageError
from cryptoflow.settings import load_settings

app = typer.Typer()

# The slots that a table's rows come from.
SLOTS_OF = {"minute_close": "raw.market_snapshots", "market_snapshots": "raw.market_snapshots"}
# A slot is told of when its tick has ended; until then it is not missing.
_STILL_OPEN = timedelta(minutes=2)


@app.command()
def gaps(
    dataset: Annotated[
        str, typer.Option("--dataset", help="minute_close, market_snapshots or price_candles.")
    ] = "minute_close",
    start: Annotated[str | None, typer.Option("--from", help="First instant; default: a day before --to.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Last instant; default: two minutes ago.")] = None,
    planned: Annotated[bool, typer.Option("--planned", help="Tell also the slots in which nothing was due.")] = False,
    exchange: Annotated[str | None, typer.Option("--exchange", help="Of price_candles: the exchange.")] = None,
    symbol: Annotated[str | None, typer.Option("--symbol", help="Of price_candles: the pair, e.g. BTCUSDT.")] = None,
    json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Print every stretch of slots that was not observed, with its state and reason."""
    if dataset == "price_candles":
        tell_candle_gaps(exchange=exchange, symbol=symbol, start=start, end=end, json=json, home=home)
        return
    from cryptoflow.runtime.session import database_for_command
    from cryptoflow.warehouse.gaps import find_gaps

    if dataset not in SLOTS_OF:
        raise UsageError(f"There are no slots of {dataset!r}.", cure=f"Known: {', '.join(SLOTS_OF)}.")
    ends = bucket_start(instant_of(end) if end else datetime.now(UTC) - _STILL_OPEN, Grain.MINUTE)
    starts = bucket_start(instant_of(start), Grain.MINUTE) if start else ends - timedelta(days=1)
    with database_for_command(load_settings(home=home)) as endpoints:
        found = find_gaps(endpoints.database_url, dataset=SLOTS_OF[dataset], starts=starts, ends=ends, planned=planned)
    if json:
        print_json([asdict(gap) | {"slots": gap.slots} for gap in found])
        return
    rows = [(gap.provider, gap.starts, gap.ends, gap.slots, gap.state, gap.reason) for gap in found]
    print_rows(Rows(columns=("provider", "from", "to", "slots", "state", "reason"), rows=rows), form=Format.TABLE)
