"""Answers of the simulated CoinGecko, in memory: the bytes that its server would send, without a server.

What does not belong here: reading them.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request

from cryptoflow.simulator.clock import SimClock
from cryptoflow.simulator.coingecko.lists import coins_list
from cryptoflow.simulator.coingecko.markets import coins_markets
from cryptoflow.simulator.market.model import Market
from cryptoflow.simulator.responses import Handler, SimResponse, content_of
from cryptoflow.simulator.world import World
from cryptoflow.sources.ledger import RawAnswer

STARTS_AT: Final = datetime(2026, 5, 1, tzinfo=UTC)
MINUTE: Final = timedelta(minutes=1)
# Some assets of the universe are not listed yet, or no more.
SPARE_SHARE: Final = 1.1
SPARE_COUNT: Final = 20


@dataclass(frozen=True, slots=True)
class SimulatedCoinGecko:
    """One frozen market of at least `listed` assets."""

    world: World

    @classmethod
    def with_assets(cls, listed: int) -> SimulatedCoinGecko:
        """A market in which at least so many assets are listed."""
        return cls.of(Market(seed=1, asset_count=int(listed * SPARE_SHARE) + SPARE_COUNT))

    @classmethod
    def of(cls, market: Market) -> SimulatedCoinGecko:
        """The given market, its time standing still."""
        clock = SimClock(now=STARTS_AT.timestamp())
        clock.set(freeze=True)
        return cls(World(market=market, clock=clock, seed=market.seed))

    def coins(self) -> RawAnswer:
        """The full list."""
        return self._answer("coins/list", coins_list, include_platform="true")

    def full_pages(self, per_page: int) -> Iterator[RawAnswer]:
        """Full pages of the market list without end: when the assets of a minute are used up, the next minute's."""
        listed = len(self.world.market.assets(STARTS_AT.timestamp()))
        for minute in itertools.count():
            yield from self.pages_at(STARTS_AT + minute * MINUTE, per_page=per_page, pages=listed // per_page)

    def pages_at(self, instant: datetime, *, per_page: int, pages: int) -> Iterator[RawAnswer]:
        """The first pages of the market list as they are at the instant."""
        self.world.clock.set(now=instant.timestamp())
        for page in range(1, pages + 1):
            yield self._answer(
                "coins/markets",
                coins_markets,
                vs_currency="usd",
                order="market_cap_desc",
                price_change_percentage="1h,24h,7d",
                precision="full",
                per_page=str(per_page),
                page=str(page),
            )

    def _answer(self, endpoint: str, handler: Handler, **params: str) -> RawAnswer:
        scope = {
            "type": "http",
            "method": "GET",
            # As the server sees it: when an answer is refreshed depends on the question.
            "path": f"/coingecko/api/v3/{endpoint}",
            "query_string": urlencode(params).encode(),
            "headers": [],
            "scheme": "http",
            "server": ("simulator", 80),
        }
        said = handler(Request(scope), self.world)
        assert isinstance(said, SimResponse)
        body = content_of(said)
        return RawAnswer(
            provider="coingecko",
            endpoint=endpoint,
            url_redacted=f"http://simulator/api/v3/{endpoint}",
            params=params,
            status=said.status,
            headers={"content-type": said.media_type},
            body=body,
            fetched_at=datetime.fromtimestamp(self.world.clock.now(), UTC),
            elapsed_ms=0,
            attempts=1,
            payload_sha256=hashlib.sha256(body).digest(),
        )
