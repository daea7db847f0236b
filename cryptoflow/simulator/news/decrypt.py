"""The Decrypt feed and its articles: guids with a query, whole articles in content:encoded, thumbnails.

Now and then the feed uses the media namespace without declaring it: XML that a strict parser refuses.
What belongs here: this provider's marks. What does not: stories and words (stories.py, wording.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Final

from cryptoflow.simulator.market.noise import stable_key, uniform
from cryptoflow.simulator.news import rss
from cryptoflow.simulator.news.answers import article, front_page
from cryptoflow.simulator.news.newsroom import Desk, Item
from cryptoflow.simulator.news.pages import base_url
from cryptoflow.simulator.responses import SimResponse, endpoint

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from cryptoflow.simulator.world import World

DESK: Final = Desk(feed="decrypt", title="Decrypt", items=40, covered_share=0.55, title_case=True, press_releases=False)
WINDOW_SECONDS: Final = 600
_MALFORMED_SHARE: Final = 0.04


def routes(world: World) -> list[BaseRoute]:
    """The routes without the provider's prefix."""
    del world
    return [endpoint("/feed", _feed), endpoint("/feed/", _feed), endpoint("/{number:int}/{slug}", _article)]


def is_malformed(seed: int, now: float) -> bool:
    """Whether the feed lacks a declaration at this time."""
    draw = uniform(stable_key(seed, "decrypt", "malformed"), int(now // WINDOW_SECONDS))
    return float(draw[0]) < _MALFORMED_SHARE


async def _feed(request: Request, world: World) -> SimResponse:
    now = world.clock.now()
    items = await front_page(world, DESK, now)
    return feed(items, base=base_url(request), now=now, malformed=is_malformed(world.seed, now))


def feed(items: Sequence[Item], *, base: str, now: float, malformed: bool = False) -> SimResponse:
    """The feed with these items; addresses start with `base`."""
    channel = (
        rss.element("title", "Decrypt"),
        rss.element("link", base),
        rss.element("description", "News about the simulated market."),
        rss.element("language", "en"),
        rss.element("lastBuildDate", rss.mail_date(now // 60 * 60)),
    )
    return rss.document(
        channel=channel, items=[_parts(item, base) for item in items], undeclared="media" if malformed else None
    )


def _parts(item: Item, base: str) -> list[str]:
    whole = "".join(f"<p>{escape(text, quote=False)}</p>" for text in item.telling.paragraphs)
    return [
        rss.element("title", item.telling.headline),
        rss.element("link", f"{base}{path_of(item)}"),
        rss.element("guid", f"{base}/?p={item.number}", isPermaLink="false"),
        rss.element("pubDate", rss.mail_date(item.published_at)),
        rss.cdata("dc:creator", ", ".join(item.telling.reporters)),
        rss.element("category", item.telling.section.title()),
        rss.cdata("description", item.telling.summary),
        rss.cdata("content:encoded", whole),
        rss.empty("media:thumbnail", url=f"{base}/images/{item.number}.png", width="1200", height="675"),
    ]


def path_of(item: Item) -> str:
    """The number alone finds the article; the words are for readers."""
    return f"/{item.number}/{item.slug}"


async def _article(request: Request, world: World) -> SimResponse:
    return await article(request, world, DESK, number=request.path_params["number"], path_of=path_of)
