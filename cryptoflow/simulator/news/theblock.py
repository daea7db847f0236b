"""The Block's feed and articles: dates of another time zone, tracking parameters, and a gate that is often shut.

For whole stretches of ten minutes every answer is the 403 page of the content network, by the simulated clock.
What belongs here: this provider's marks. What does not: stories and words (stories.py, wording.py).
"""

from __future__ import annotations

from collections.abc import Sequence
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

DESK: Final = Desk(
    feed="theblock", title="The Block", items=50, covered_share=0.5, title_case=False, press_releases=False
)
WINDOW_SECONDS: Final = 600
_SHUT_SHARE: Final = 0.2
_OFFSET_HOURS: Final = -4
_TRACKING: Final = "?utm_source=rss&utm_medium=rss"
_GATE_PAGE: Final = (
    '<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title>'
    '<meta name="robots" content="noindex,nofollow"></head><body><h1>www.theblock.co</h1>'
    "<p>Verifying you are human. This may take a few seconds.</p>"
    "<noscript>Enable JavaScript and cookies to continue</noscript></body></html>"
)


def routes(world: World) -> list[BaseRoute]:
    """The routes without the provider's prefix."""
    del world
    return [endpoint("/rss.xml", _feed), endpoint("/post/{number:int}/{slug}", _article)]


def is_shut(seed: int, now: float) -> bool:
    """Whether the gate lets nobody through at this time."""
    draw = uniform(stable_key(seed, "theblock", "gate"), int(now // WINDOW_SECONDS))
    return float(draw[0]) < _SHUT_SHARE


def _gate() -> SimResponse:
    return SimResponse(
        text=_GATE_PAGE,
        media_type="text/html",
        status=403,
        headers={"cf-mitigated": "challenge", "server": "cloudflare"},
    )


async def _feed(request: Request, world: World) -> SimResponse:
    now = world.clock.now()
    if is_shut(world.seed, now):
        return _gate()
    items = await front_page(world, DESK, now)
    return feed(items, base=base_url(request), now=now)


def feed(items: Sequence[Item], *, base: str, now: float) -> SimResponse:
    """The feed with these items; addresses start with `base`."""
    channel = (
        rss.element("title", "The Block"),
        rss.element("link", base),
        rss.element("description", "News about the simulated market."),
        rss.element("pubDate", rss.mail_date(now // 60 * 60, offset_hours=_OFFSET_HOURS)),
    )
    return rss.document(channel=channel, items=[_parts(item, base) for item in items])


def _parts(item: Item, base: str) -> list[str]:
    link = f"{base}{path_of(item)}"
    return [
        rss.element("title", item.telling.headline),
        rss.element("link", f"{link}{_TRACKING}"),
        rss.element("guid", link, isPermaLink="true"),
        rss.element("pubDate", rss.mail_date(item.published_at, offset_hours=_OFFSET_HOURS)),
        rss.element("description", f"{item.telling.summary} {item.telling.paragraphs[0]}"),
        rss.element("dc:creator", item.telling.reporters[0]),
        *(rss.element("category", tag) for tag in item.telling.tags[:2]),
    ]


def path_of(item: Item) -> str:
    """Posts are found by their number."""
    return f"/post/{item.number}/{item.slug}"


async def _article(request: Request, world: World) -> SimResponse:
    if is_shut(world.seed, world.clock.now()):
        return _gate()
    return await article(request, world, DESK, number=request.path_params["number"], path_of=path_of)
