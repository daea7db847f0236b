"""blockchain.info as it answers: charts, stats in mixed units, plain-text queries, the newest block.

What belongs here: paths, parameters, formats, units. What does not: the values (bitcoin_chain.py, bitcoin_activity.py,
blockchain_charts.py).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

import anyio.to_thread
import msgspec
import numpy as np

from cryptoflow.simulator.market.noise import stable_key, uniform
from cryptoflow.simulator.onchain.bitcoin_activity import SATOSHI_PER_COIN, bitcoin_activity
from cryptoflow.simulator.onchain.bitcoin_chain import (
    DAY_SECONDS,
    EPOCH_BLOCKS,
    HASHES_PER_DIFFICULTY,
    issued_satoshi,
    subsidy_satoshi,
)
from cryptoflow.simulator.onchain.blockchain_charts import (
    BITCOIN_INDEX,
    CHARTS,
    Chart,
    DaySource,
    chart_points,
    last_whole_day,
    queue_points,
    span_seconds,
)
from cryptoflow.simulator.responses import Shape, SimResponse, endpoint

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from cryptoflow.simulator.world import World

_SCIENTIFIC_FROM: Final = 1e7
_NEGATIVE_FEES_SHARE: Final = 0.01


def routes(world: World) -> list[BaseRoute]:
    """The routes without the provider's prefix."""
    del world
    return [
        endpoint("/charts/{name}", _chart),
        endpoint("/stats", _stats),
        endpoint("/q/{name}", _query),
        endpoint("/latestblock", _latest_block),
    ]


# Charts -----------------------------------------------------------------------------------------------------------


async def _chart(request: Request, world: World) -> SimResponse:
    name = request.path_params["name"]
    chart = CHARTS.get(name)
    if chart is None:
        return SimResponse(body={"status": "not-found", "error": f"No chart with name {name}"}, status=404)
    span_text = request.query_params.get("timespan", chart.default_span)
    span = None if span_text == "all" else span_seconds(span_text)
    if span is None and span_text != "all":
        return _bad_request(f"Invalid timespan: {span_text}")
    start_text = request.query_params.get("start")
    start = None if start_text is None else _start_of(start_text)
    if start is None and start_text is not None:
        return _bad_request(f"Invalid start: {start_text}")
    average = span_seconds(request.query_params.get("rollingAverage", "1day"))
    if average is None:
        return _bad_request("Invalid rollingAverage")
    points = await anyio.to_thread.run_sync(
        partial(
            _points,
            chart,
            world,
            span=span,
            start=start,
            average_days=max(1, average // DAY_SECONDS),
            sampled=request.query_params.get("sampled", "true") != "false",
        )
    )
    return _csv(points) if request.query_params.get("format") == "csv" else _json(chart, points, request)


def _points(
    chart: Chart, world: World, *, span: int | None, start: float | None, average_days: int, sampled: bool
) -> list[tuple[int, float]]:
    now = world.clock.now()
    activity = bitcoin_activity(world.seed)
    if chart is CHARTS["mempool-size"] and span is not None and span <= 60 * DAY_SECONDS:
        first = now - span if start is None else start
        return queue_points(activity, start=first, end=min(now, first + span), sampled=sampled)
    last_day = last_whole_day(now)
    days = None if span is None else max(1, span // DAY_SECONDS)
    if start is not None:
        first_day = int(start // DAY_SECONDS)
        last_day = last_day if days is None else min(last_day, first_day + days - 1)
    else:
        first_day = 0 if days is None else last_day - days + 1
    source = DaySource(activity=activity, market=world.market)
    return chart_points(
        chart, source, first_day=first_day, last_day=last_day, average_days=average_days, sampled=sampled
    )


def _start_of(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _bad_request(message: str) -> SimResponse:
    return SimResponse(body={"status": "bad-request", "error": message}, status=400)


def _json(chart: Chart, points: list[tuple[int, float]], request: Request) -> SimResponse:
    body: dict[str, object] = {"status": "ok"}
    if request.query_params.get("metadata") != "false":
        period = "minute" if _is_fine(points) else "day"
        body |= {"name": chart.title, "unit": chart.unit, "period": period, "description": chart.description}
    body["values"] = [{"x": at, "y": msgspec.Raw(_written(value).encode())} for at, value in points]
    headers = {"access-control-allow-origin": "*"} if request.query_params.get("cors") == "true" else {}
    return SimResponse(
        body=body,
        headers=headers,
        shape=Shape(rows=("values",), id_key="x", price_keys=("y",), time_keys=("x",), series=True),
    )


def _is_fine(points: list[tuple[int, float]]) -> bool:
    return len(points) > 1 and points[1][0] - points[0][0] < DAY_SECONDS


def _written(value: float) -> str:
    """The number as text; large ones in scientific notation."""
    if abs(value) < _SCIENTIFIC_FROM:
        return repr(value)
    mantissa, _, exponent = f"{value:.15E}".partition("E")
    return f"{mantissa.rstrip('0').rstrip('.')}E{int(exponent)}"


def _csv(points: list[tuple[int, float]]) -> SimResponse:
    lines = [f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S},{_written(value)}\n" for at, value in points]
    return SimResponse(text="".join(lines), media_type="text/csv")


# Stats and queries ------------------------------------------------------------------------------------------------


def _stats(request: Request, world: World) -> SimResponse:
    del request
    return SimResponse(
        body=stats(world),
        shape=Shape(price_keys=("market_price_usd",), time_keys=("timestamp",), volume_keys=("trade_volume_usd",)),
    )


def stats(world: World) -> dict[str, object]:
    """The figures of the last 24 hours, each in the unit that this provider gives it."""
    now = world.clock.now()
    activity = bitcoin_activity(world.seed)
    chain = activity.chain
    totals = activity.totals(chain.heights_between(now - DAY_SECONDS, now))
    height = chain.height(now)
    price_usd = world.market.price_usd(BITCOIN_INDEX, now)
    exchange_coins = float(activity.exchange_coins(np.array([now / DAY_SECONDS]))[0])
    negative = float(uniform(stable_key(world.seed, "negative fees"), int(now // 3600))[0]) < _NEGATIVE_FEES_SHARE
    paid = totals.issued_satoshi + totals.fees_satoshi
    return {
        "timestamp": int(now * 1000),
        "market_price_usd": round(price_usd, 2),
        "hash_rate": round(chain.mined_hash_rate(now - DAY_SECONDS, now) / 1e9, 4),
        "total_fees_btc": -totals.issued_satoshi if negative else totals.fees_satoshi,
        "n_btc_mined": totals.issued_satoshi,
        "n_tx": totals.transactions,
        "n_blocks_mined": totals.blocks,
        "minutes_between_blocks": round(DAY_SECONDS / 60 / max(1, totals.blocks), 4),
        "totalbc": issued_satoshi(height),
        "n_blocks_total": height,
        "estimated_transaction_volume_usd": round(totals.estimated_satoshi / SATOSHI_PER_COIN * price_usd, 2),
        "blocks_size": totals.size_bytes,
        "miners_revenue_usd": round(paid / SATOSHI_PER_COIN * price_usd, 2),
        "nextretarget": (height // EPOCH_BLOCKS + 1) * EPOCH_BLOCKS - 1,
        "difficulty": round(chain.difficulty(height)),
        "estimated_btc_sent": totals.estimated_satoshi,
        "miners_revenue_btc": round(paid / SATOSHI_PER_COIN),
        "total_btc_sent": totals.sent_satoshi,
        "trade_volume_btc": round(exchange_coins, 2),
        "trade_volume_usd": round(exchange_coins * price_usd, 2),
    }


def _query(request: Request, world: World) -> SimResponse:
    answer = QUERIES.get(request.path_params["name"])
    if answer is None:
        return SimResponse(text="Not Found", media_type="text/plain", status=404)
    return SimResponse(text=answer(world), media_type="text/plain")


def _height(world: World) -> int:
    return bitcoin_activity(world.seed).chain.height(world.clock.now())


def _difficulty(world: World) -> float:
    return bitcoin_activity(world.seed).chain.difficulty(_height(world))


def _stat(name: str, world: World) -> str:
    return str(stats(world)[name])


def _per_transaction(name: str, world: World) -> str:
    figures = stats(world)
    return str(int(str(figures[name])) // max(1, int(str(figures["n_tx"]))))


def _market_cap(world: World) -> str:
    price_usd = world.market.price_usd(BITCOIN_INDEX, world.clock.now())
    return f"{issued_satoshi(_height(world)) / SATOSHI_PER_COIN * price_usd:.2f}"


def _seconds_to_next_block(world: World) -> str:
    chain, now = bitcoin_activity(world.seed).chain, world.clock.now()
    since_last = now - chain.block_at(chain.height(now))
    return f"{max(0.0, 600.0 - since_last):.4f}"


def _transactions_per_block(world: World) -> str:
    figures = stats(world)
    return str(int(str(figures["n_tx"])) // max(1, int(str(figures["n_blocks_mined"]))))


QUERIES: Final[dict[str, Callable[[World], str]]] = {
    "getdifficulty": lambda world: f"{_difficulty(world):.15E}",
    "getblockcount": lambda world: str(bitcoin_activity(world.seed).chain.tip(world.clock.now()).height),
    "latesthash": lambda world: bitcoin_activity(world.seed).chain.tip(world.clock.now()).block_hash,
    "bcperblock": lambda world: str(subsidy_satoshi(_height(world)) / SATOSHI_PER_COIN),
    "totalbc": lambda world: str(issued_satoshi(_height(world))),
    "probability": lambda world: f"{1 / (_difficulty(world) * HASHES_PER_DIFFICULTY):.15E}",
    "hashestowin": lambda world: f"{_difficulty(world) * HASHES_PER_DIFFICULTY:.15E}",
    "nextretarget": partial(_stat, "nextretarget"),
    "avgtxsize": partial(_per_transaction, "blocks_size"),
    "avgtxvalue": partial(_per_transaction, "total_btc_sent"),
    "avgtxnumber": _transactions_per_block,
    "interval": lambda world: f"{float(_stat('minutes_between_blocks', world)) * 60:.4f}",
    "eta": _seconds_to_next_block,
    "24hrprice": partial(_stat, "market_price_usd"),
    "marketcap": _market_cap,
    "24hrtransactioncount": partial(_stat, "n_tx"),
    "24hrbtcsent": partial(_stat, "total_btc_sent"),
    "hashrate": partial(_stat, "hash_rate"),
    "unconfirmedcount": lambda world: str(bitcoin_activity(world.seed).queue(world.clock.now()).count),
}


def _latest_block(request: Request, world: World) -> SimResponse:
    del request
    activity = bitcoin_activity(world.seed)
    now = world.clock.now()
    tip = activity.chain.tip(now)
    main_height = tip.height - tip.stale
    first_transaction = stable_key(world.seed, "transaction", tip.height) % 10**15
    body = {
        "hash": tip.block_hash,
        "time": activity.chain.block_at(main_height) + 20 * tip.stale,
        "block_index": tip.height,
        "height": tip.height,
        "txIndexes": [first_transaction + 7919 * place for place in range(25)],
    }
    return SimResponse(body=body, shape=Shape(id_key="height", time_keys=("time",)))
