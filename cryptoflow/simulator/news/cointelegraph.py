"""The Cointelegraph feed and its articles: links with tracking parameters, guids without, descriptions in HTML.

What belongs here: this provider's marks. What does not: stories and words (stories.py, wording.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Final

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
    feed="cointelegraph", title="Cointelegraph", items=30, covered_share=0.7, title_case=False, press_releases=True
)
_TRACKING: Final = "?utm_source=rss_feed&utm_medium=rss&utm_campaign=rss_partner_inbound"
_FOLDERS: Final = {"markets": "markets", "press-releases": "press-releases"}


def routes(world: World) -> list[BaseRoute]:
    """The routes without the provider's prefix."""
    del world
    return [endpoint("/rss", _feed), endpoint("/rss/", _feed), endpoint("/{folder}/{slug}", _article)]


async def _feed(request: Request, world: World) -> SimResponse:
    now = world.clock.now()
    items = await front_page(world, DESK, now)
    return feed(items, base=base_url(request), now=now)


def feed(items: Sequence[Item], *, base: str, now: float) -> SimResponse:
    """The feed with these items; addresses start with `base`."""
    channel = (
        rss.element("title", "Cointelegraph.com News"),
        rss.element("link", base),
        rss.cdata("description", "News about the simulated market."),
        rss.empty("atom:link", href=f"{base}/rss", rel="self", type="application/rss+xml"),
        rss.element("language", "en-us"),
        rss.element("pubDate", rss.mail_date(now // 60 * 60)),
    )
    return rss.document(channel=channel, items=[_parts(item, base) for item in items])


def _parts(item: Item, base: str) -> list[str]:
    link = f"{base}{path_of(item)}"
    image = f"{base}/images/{item.number}.jpg"
    html = f'<p style="float:right"><img src="{image}"></p><p>{escape(item.telling.summary, quote=False)}</p>'
    return [
        rss.cdata("title", item.telling.headline),
        rss.cdata("link", f"{link}{_TRACKING}"),
        rss.element("guid", link, isPermaLink="true"),
        rss.cdata("dc:creator", f"Cointelegraph by {item.telling.reporters[0]}"),
        rss.element("pubDate", rss.mail_date(item.published_at)),
        rss.cdata("description", html),
        rss.empty("media:content", url=image, type="image/jpeg", medium="image"),
        rss.empty("enclosure", url=image, length="0", type="image/jpg"),
        *(rss.cdata("category", tag) for tag in item.telling.tags),
    ]


def path_of(item: Item) -> str:
    """Markets and press releases have folders of their own, the rest is news."""
    return f"/{_FOLDERS.get(item.telling.section, 'news')}/{item.slug}-{item.number}"


async def _article(request: Request, world: World) -> SimResponse:
    code = request.path_params["slug"].rpartition("-")[2]
    number = int(code) if code.isdecimal() and len(code) <= 8 else 0
    return await article(request, world, DESK, number=number, path_of=path_of)
