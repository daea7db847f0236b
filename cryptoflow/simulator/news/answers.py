"""What all four newspapers do alike: their front page now, and the article behind an address.

What belongs here: the way from a request to items and pages, off the event loop. What does not: addresses and marks of
one provider (its own module).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final

import anyio.to_thread

from cryptoflow.simulator.news.newsroom import Desk, Item, newsroom
from cryptoflow.simulator.news.pages import article_page, base_url, no_page

if TYPE_CHECKING:
    from starlette.requests import Request

    from cryptoflow.simulator.responses import SimResponse
    from cryptoflow.simulator.world import World

_RELATED: Final = 4
_MAX_NUMBER: Final = 10**7
PathOf = Callable[[Item], str]


async def front_page(world: World, desk: Desk, now: float) -> list[Item]:
    """The items of a feed."""
    return await anyio.to_thread.run_sync(newsroom(world.market, desk).front_page, now)


async def article(request: Request, world: World, desk: Desk, *, number: int, path_of: PathOf) -> SimResponse:
    """The page of the story of that number, when the request names its whole address."""
    return await anyio.to_thread.run_sync(
        partial(_article, desk=desk, number=number, path_of=path_of, base=base_url(request), path=request.url.path),
        world,
    )


def _article(world: World, *, desk: Desk, number: int, path_of: PathOf, base: str, path: str) -> SimResponse:
    room, now = newsroom(world.market, desk), world.clock.now()
    item = room.find(number, now) if 0 < number < _MAX_NUMBER else None
    if item is None or not path.endswith(path_of(item)):
        return no_page()
    neighbours = islice(room.neighbours(item, now), _RELATED)
    related = [(f"{base}{path_of(other)}", other.telling.headline) for other in neighbours]
    return article_page(item, address=f"{base}{path_of(item)}", related=related)
