"""The collector as a process (`python -m cryptoflow.runtime.collector`): the live trades of every configured exchange.

It runs until it is told to stop; what goes wrong on the way is a matter of the feeds, and is told in their tables. Its
heartbeat says that it runs, not that the exchanges answer. What does not belong here: following itself (collect).
"""

from __future__ import annotations

import asyncio
import logging
import signal

import redis

from cryptoflow.collect.trade_feed import TradeFeed
from cryptoflow.errors import CryptoflowError, UsageError
from cryptoflow.runtime.heartbeat import HEARTBEAT_PERIOD_SECONDS, Heartbeat, collector_heartbeat
from cryptoflow.settings import ENV_PREFIX, Settings, load_settings
from cryptoflow.sources.exchanges import check_exchange
from cryptoflow.warehouse.pool import close_pools

_LOGGER = logging.getLogger(__name__)


def main() -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    settings = load_settings()
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # A line per request and per message would be most of the log.
    for name in ("httpx", "httpcore", "websockets"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        asyncio.run(_run(settings))
    except CryptoflowError as error:
        _LOGGER.error("%s", error)
        return 2
    finally:
        close_pools()
    return 0


async def _run(settings: Settings) -> None:
    database_url, redis_url = _urls(settings)
    feeds = [
        TradeFeed(settings, check_exchange(name), database_url=database_url, redis_url=redis_url)
        for name in settings.exchanges
    ]
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(feed.run()) for feed in feeds]
        tasks.append(group.create_task(_beat(collector_heartbeat(redis_url))))
        await stopping.wait()
        for task in tasks:
            task.cancel()


async def _beat(heartbeat: Heartbeat) -> None:
    while True:
        try:
            await asyncio.to_thread(heartbeat.beat)
        except (redis.RedisError, OSError):
            _LOGGER.warning("The heartbeat could not be written; the queue's own part reports that.")
        await asyncio.sleep(HEARTBEAT_PERIOD_SECONDS)


def _urls(settings: Settings) -> tuple[str, str]:
    if settings.database_url is None or settings.redis_url is None:
        missing = "DATABASE_URL" if settings.database_url is None else "REDIS_URL"
        raise UsageError(
            f"{ENV_PREFIX}{missing} is not set in the process of the collector.",
            cure="Start the platform with `cryptoflow up`, which sets it, or set it yourself.",
        )
    return settings.database_url.get_secret_value(), settings.redis_url.get_secret_value()


if __name__ == "__main__":
    raise SystemExit(main())
