"""Which stories a feed tells, when it first publishes them, and when it changes them.

    story at t -> covered or not -> published 2 to 50 minutes later -> now and then changed hours later: the item keeps
    its guid and its address and moves up with a new date

What belongs here: items of a feed at an instant, and finding the item of an address. What does not: the words
(wording.py), XML and HTML (rss.py, pages.py).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from cryptoflow.simulator.market.noise import stable_key, uniform
from cryptoflow.simulator.news.stories import DAY_SECONDS, MAX_STORIES_PER_DAY, NewsWire, Story, news_wire
from cryptoflow.simulator.news.wording import Telling, slug_of, tell, update_paragraph

if TYPE_CHECKING:
    from cryptoflow.simulator.market.model import Market

_LOOKBACK_DAYS: Final = 3
_SHORTEST_DELAY_SECONDS: Final = 120
_LONGEST_DELAY_SECONDS: Final = 3_000
_CHANGED_SHARE: Final = 0.08


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The habits of one feed."""

    feed: str
    title: str
    items: int
    covered_share: float
    title_case: bool
    press_releases: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A story as one feed shows it at an instant. `published_at` is the date that the feed prints."""

    desk: Desk
    story: Story
    telling: Telling
    guid: str
    slug: str
    first_published_at: int
    published_at: int
    update: str | None

    @property
    def number(self) -> int:
        """The number of the story, as addresses carry it."""
        return self.story.number


class Newsroom:
    """One feed over one market."""

    def __init__(self, *, desk: Desk, wire: NewsWire, seed: int) -> None:
        self.desk = desk
        self._wire = wire
        self._seed = seed
        self._telling = lru_cache(maxsize=512)(self._tell)

    def front_page(self, now: float) -> list[Item]:
        """The items at an instant, the newest date first."""
        today = int(now // DAY_SECONDS)
        shown = sorted(
            (
                (published, story.number, story)
                for day in range(today, today - _LOOKBACK_DAYS, -1)
                for story in self._wire.stories_of_day(day)
                if (published := self._published_at(story, now)) is not None
            ),
            key=lambda row: (-row[0], row[1]),
        )
        return [self._item(story, now) for _, _, story in shown[: self.desk.items]]

    def find(self, number: int, now: float) -> Item | None:
        """The item of a story, also after it has left the front page; None before it is published."""
        story = self._wire.story(number) if number <= _last_number(now) else None
        if story is None or self._published_at(story, now) is None:
            return None
        return self._item(story, now)

    def neighbours(self, item: Item, now: float) -> Iterator[Item]:
        """Other items of the same day, for the links below an article."""
        for story in self._wire.stories_of_day(item.story.day)[:12]:
            if story.number != item.number and self._published_at(story, now) is not None:
                yield self._item(story, now)

    # Times ------------------------------------------------------------------------------------------------------

    def _draws(self, story: Story) -> list[float]:
        draws: list[float] = uniform(stable_key(self._seed, self.desk.feed, story.key), np.arange(4)).tolist()
        return draws

    def _published_at(self, story: Story, now: float) -> int | None:
        """The date that the feed prints at `now`; None while (or because) the story is not in it."""
        covered, wait, changed, later = self._draws(story)
        if covered >= self.desk.covered_share or (story.kind == "press_release" and not self.desk.press_releases):
            return None
        first = self._first_at(story, wait)
        if first > now:
            return None
        second = self._changed_at(first, changed, later)
        return second if second is not None and second <= now else first

    @staticmethod
    def _first_at(story: Story, wait: float) -> int:
        return int(story.at + _SHORTEST_DELAY_SECONDS + wait * (_LONGEST_DELAY_SECONDS - _SHORTEST_DELAY_SECONDS))

    @staticmethod
    def _changed_at(first: int, changed: float, later: float) -> int | None:
        return None if changed >= _CHANGED_SHARE else first + 1_800 + int(later * 18_000)

    # Items ------------------------------------------------------------------------------------------------------

    def _tell(self, number: int) -> Telling:
        story = self._wire.story(number)
        assert story is not None
        return tell(story, feed=self.desk.feed, title_case=self.desk.title_case)

    def _item(self, story: Story, now: float) -> Item:
        _, wait, changed, later = self._draws(story)
        first = self._first_at(story, wait)
        second = self._changed_at(first, changed, later)
        is_changed = second is not None and second <= now
        telling = self._telling(story.number)
        guid_key = stable_key(self._seed, self.desk.feed, "guid", story.key)
        return Item(
            desk=self.desk,
            story=story,
            telling=telling,
            guid=str(uuid.UUID(int=guid_key << 64 | stable_key("guid", guid_key), version=4)),
            slug=slug_of(telling.headline),
            first_published_at=first,
            published_at=second if is_changed and second is not None else first,
            update=update_paragraph(story, self.desk.feed) if is_changed else None,
        )


def _last_number(now: float) -> int:
    """No story of today or before has a higher one."""
    return int(now // DAY_SECONDS + 1) * MAX_STORIES_PER_DAY


@lru_cache(maxsize=16)
def newsroom(market: Market, desk: Desk) -> Newsroom:
    """The newsroom of a feed over a market; feed and articles share it."""
    return Newsroom(desk=desk, wire=news_wire(market), seed=market.seed)
