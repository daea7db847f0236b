"""The CoinDesk feed and its articles: many empty elements, several creators, typographic spaces and quotes.

What belongs here: this provider's marks. What does not: stories and words (stories.py, wording.py).
"""

# ruff: noqa: RUF001  Typographic quotation marks are what this feed really sends.

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cryptoflow.simulator.market.noise import stable_key
from cryptoflow.simulator.news import rss
from cryptoflow.simulator.news.answers import article, front_page
from cryptoflow.simulator.news.newsroom import Desk, Item
from cryptoflow.simulator.news.pages import base_url
from cryptoflow.simulator.responses import SimResponse, endpoint

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from cryptoflow.simulator.world import World

DESK: Final = Desk(
    feed="coindesk", title="CoinDesk", items=25, covered_share=0.62, title_case=True, press_releases=True
)
FEED_PATH: Final = "/arc/outboundfeeds/rss"


def routes(world: World) -> list[BaseRoute]:
    """The routes without the provider's prefix."""
    del world
    return [
        endpoint(FEED_PATH, _feed),
        endpoint(f"{FEED_PATH}/", _without_slash),
        endpoint("/{section}/{year:int}/{month:int}/{day:int}/{slug}", _article),
    ]


def _without_slash(request: Request, world: World) -> SimResponse:
    del world
    return SimResponse(text="", status=308, headers={"location": f"{base_url(request)}{FEED_PATH}"})


async def _feed(request: Request, world: World) -> SimResponse:
    now = world.clock.now()
    items = await front_page(world, DESK, now)
    return feed(items, base=base_url(request), now=now)


def feed(items: Sequence[Item], *, base: str, now: float) -> SimResponse:
    """The feed with these items; addresses start with `base`."""
    channel = (
        rss.element("title", "CoinDesk: Bitcoin, Ethereum, Crypto News and Price Data"),
        rss.element("link", base),
        rss.element("description", "News about the simulated market."),
        rss.element("language", "en-us"),
        rss.element("lastBuildDate", rss.mail_date(now // 60 * 60)),
        rss.element("ttl", "5"),
    )
    return rss.document(channel=channel, items=[_parts(item, base) for item in items])


def feed_headline(item: Item) -> str:
    """Some headlines have double spaces, all of them curly quotes."""
    headline = item.telling.headline.replace("'", "’")
    return headline.replace(" ", "  ", 1) if stable_key(item.guid) % 9 == 0 else headline


def _parts(item: Item, base: str) -> list[str]:
    return [
        rss.cdata("title", feed_headline(item)),
        rss.element("link", f"{base}{path_of(item)}"),
        rss.element("guid", item.guid, isPermaLink="false"),
        *(rss.element("dc:creator", name) for name in item.telling.reporters),
        rss.empty("description"),
        rss.empty("dc:description"),
        rss.empty("content:encoded"),
        rss.element("pubDate", rss.mail_date(item.published_at)),
        *(rss.element("category", tag, domain="tag") for tag in item.telling.tags),
    ]


def path_of(item: Item) -> str:
    """The address keeps the date of the first publication."""
    day = datetime.fromtimestamp(item.first_published_at, UTC)
    return f"/{item.telling.section}/{day:%Y/%m/%d}/{item.slug}-{item.number:x}"


async def _article(request: Request, world: World) -> SimResponse:
    number = _number(request.path_params["slug"].rpartition("-")[2])
    return await article(request, world, DESK, number=number, path_of=path_of)


def _number(code: str) -> int:
    """The story's number in an address; 0 when there is none."""
    return int(code, 16) if 0 < len(code) <= 7 and set(code) <= set("0123456789abcdef") else 0
