"""The simulated news: stories of the market's real movements, told by four feeds, each in its own form."""

# ruff: noqa: RUF001  Typographic quotation marks are what the feeds really send.

from __future__ import annotations

import io
import itertools
import json
from calendar import timegm
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import feedparser  # type: ignore[import-untyped]
import pytest

from cryptoflow.simulator.market.model import Market
from cryptoflow.simulator.news import coindesk, cointelegraph, decrypt, theblock
from cryptoflow.simulator.news.newsroom import Desk, Item, Newsroom, newsroom
from cryptoflow.simulator.news.pages import article_page, structured_data
from cryptoflow.simulator.news.stories import NewsWire, Story, money, news_wire
from cryptoflow.simulator.news.wording import in_title_case, slug_of
from cryptoflow.simulator.responses import SimResponse

NOW = datetime(2026, 5, 20, 15, 30, tzinfo=UTC).timestamp()
TODAY = int(NOW // 86_400)
DESKS = (coindesk.DESK, cointelegraph.DESK, decrypt.DESK, theblock.DESK)
FEEDS: dict[str, Callable[..., SimResponse]] = {
    "coindesk": coindesk.feed,
    "cointelegraph": cointelegraph.feed,
    "decrypt": decrypt.feed,
    "theblock": theblock.feed,
}
BASE = "http://sim.example/feed"


@pytest.fixture(scope="module")
def market() -> Market:
    return Market(asset_count=150)


@pytest.fixture(scope="module")
def wire(market: Market) -> NewsWire:
    return news_wire(market)


@pytest.fixture(params=DESKS, ids=lambda desk: desk.feed)
def room(request: pytest.FixtureRequest, market: Market) -> Newsroom:
    return newsroom(market, request.param)


def raw_feed(market: Market, desk: Desk, now: float = NOW, **options: Any) -> str:
    items = newsroom(market, desk).front_page(now)
    text = FEEDS[desk.feed](items, base=BASE, now=now, **options).text
    assert isinstance(text, str)
    return text


def parsed(text: str) -> Any:
    return feedparser.parse(io.BytesIO(text.encode()))


# Stories ----------------------------------------------------------------------------------------------------------


def stories(wire: NewsWire, days: int = 14) -> list[Story]:
    return [story for day in range(TODAY - days, TODAY) for story in wire.stories_of_day(day)]


def test_a_move_is_told_as_the_market_made_it(market: Market, wire: NewsWire) -> None:
    moves = [story for story in stories(wire) if story.kind in {"surge", "slump"}]
    assert len(moves) > 30
    for story in moves:
        index = story.asset_indices[0]
        change = market.price_usd(index, story.at) / market.price_usd(index, story.at - 86_400) - 1
        assert (change > 0) == (story.kind == "surge")
        assert float(story.facts["change"]) == pytest.approx(abs(change) * 100, abs=0.06)
        assert abs(change) > 0.02


def test_every_strong_move_of_a_large_asset_has_its_story(market: Market, wire: NewsWire) -> None:
    for day in range(TODAY - 16, TODAY):
        changes = [
            market.price_usd(0, (day * 24 + hour) * 3600.0) / market.price_usd(0, (day * 24 + hour - 24) * 3600.0) - 1
            for hour in range(-1, 24)
        ]
        crossed = any(abs(now) >= 0.035 > abs(before) for before, now in itertools.pairwise(changes))
        told = [s for s in wire.stories_of_day(day) if s.asset_indices == (0,) and s.kind in {"surge", "slump"}]
        assert bool(told) == crossed


def test_events_of_the_universe_are_told(market: Market, wire: NewsWire) -> None:
    for event in market.universe.events():
        if not NOW - 900 * 86_400 < event.at < NOW:
            continue
        told = wire.stories_of_day(int(event.at // 86_400))
        about = [story for story in told if story.kind == event.kind and story.asset_indices == (event.asset_index,)]
        assert len(about) == 1
        assert 0 <= about[0].at - event.at <= 900


def test_stories_are_numbered_and_found_again(wire: NewsWire) -> None:
    seen = stories(wire, days=5)
    assert len({story.number for story in seen}) == len(seen)
    assert all(wire.story(story.number) == story for story in seen)
    assert wire.story(TODAY * 128 + 127) is None


def test_another_process_tells_the_same(wire: NewsWire) -> None:
    assert NewsWire(Market(asset_count=150)).stories_of_day(TODAY) == wire.stories_of_day(TODAY)
    assert NewsWire(Market(seed=2, asset_count=150)).stories_of_day(TODAY) != wire.stories_of_day(TODAY)


def test_all_kinds_of_noise_occur_and_difficulty_changes_are_told(wire: NewsWire) -> None:
    kinds = Counter(story.kind for story in stories(wire, days=21))
    assert {"hack", "funding", "press_release", "regulation_tightened", "outflows", "treasury_buys"} <= set(kinds)
    assert kinds["difficulty_up"] + kinds["difficulty_down"] in {1, 2}


def test_the_smallest_market_has_news_too() -> None:
    assert len(newsroom(Market(asset_count=1), coindesk.DESK).front_page(NOW)) == 25


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.234e12, "$1.23 trillion"),
        (64_210.4, "$64,210"),
        (3.456, "$3.46"),
        (0.04567, "$0.0457"),
        (1.2e-9, "$0.0000000012"),
    ],
)
def test_sums_are_written_as_newspapers_do(value: float, text: str) -> None:
    assert money(value) == text


# Feeds over time --------------------------------------------------------------------------------------------------


def test_a_front_page_is_full_and_newest_first(room: Newsroom) -> None:
    items = room.front_page(NOW)
    assert len(items) == room.desk.items
    dates = [item.published_at for item in items]
    assert dates == sorted(dates, reverse=True)
    assert NOW - 6 * 3600 < dates[0] <= NOW
    assert len({item.guid for item in items}) == len({item.slug + str(item.number) for item in items}) == len(items)


def test_an_item_stays_the_same_until_it_is_pushed_out(room: Newsroom) -> None:
    for step in range(60):
        now = NOW + 600.0 * step
        before = {item.guid: item for item in room.front_page(now)}
        after = room.front_page(now + 600)
        oldest_kept = after[-1].published_at
        guids = {item.guid: item for item in after}
        for guid, item in before.items():
            if guid in guids:
                assert guids[guid].telling == item.telling
                assert guids[guid].first_published_at == item.first_published_at
            else:
                assert item.published_at <= oldest_kept


def test_nothing_is_published_before_it_happens(room: Newsroom) -> None:
    for item in room.front_page(NOW):
        assert 120 <= item.first_published_at - item.story.at <= 3_000
        assert room.find(item.number, item.first_published_at - 1.0) is None
        found = room.find(item.number, item.first_published_at + 1.0)
        assert found is not None
        assert found.guid == item.guid


def test_some_items_are_changed_later_and_move_up(room: Newsroom) -> None:
    seen: dict[str, set[int]] = defaultdict(set)
    for step in range(72):
        for item in room.front_page(NOW + 3_600.0 * step):
            seen[item.guid].add(item.published_at)
            assert (item.update is not None) == (item.published_at > item.first_published_at)
    changed = [dates for dates in seen.values() if len(dates) > 1]
    assert 0.01 * len(seen) < len(changed) < 0.2 * len(seen)
    assert all(len(dates) == 2 for dates in changed)


def test_one_story_stands_on_several_feeds_within_the_hour_in_other_words(market: Market) -> None:
    told: dict[int, list[Item]] = defaultdict(list)
    for desk in DESKS:
        for item in newsroom(market, desk).front_page(NOW):
            told[item.number].append(item)
    shared = [items for items in told.values() if len(items) > 1]
    assert len(shared) > 10
    for items in shared:
        dates = [item.first_published_at for item in items]
        assert max(dates) - min(dates) < 3_600
    differently = [len({item.telling.headline.lower() for item in items}) > 1 for items in shared]
    assert sum(differently) > len(shared) / 3


def test_press_releases_stand_where_they_are_paid_for(market: Market) -> None:
    def kinds(desk: Desk) -> set[str]:
        room = newsroom(market, desk)
        return {item.story.kind for step in range(12) for item in room.front_page(NOW + 43_200.0 * step)}

    assert "press_release" in kinds(coindesk.DESK) & kinds(cointelegraph.DESK)
    assert "press_release" not in kinds(decrypt.DESK) | kinds(theblock.DESK)


# Forms ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("desk", DESKS, ids=lambda desk: desk.feed)
def test_a_feed_is_read_by_a_common_parser(market: Market, desk: Desk) -> None:
    feed = parsed(raw_feed(market, desk))
    assert not feed.bozo
    items = newsroom(market, desk).front_page(NOW)
    assert len(feed.entries) == len(items)
    for entry, item in zip(feed.entries, items, strict=True):
        stamp = float(timegm(entry.published_parsed))
        assert stamp == item.published_at
        assert " ".join(entry.title.split()).replace("’", "'") == item.telling.headline.replace("’", "'")
        assert entry.link.startswith(BASE)


def test_coindesk_has_uuids_and_empty_elements(market: Market) -> None:
    text = raw_feed(market, coindesk.DESK)
    assert text.count("<description/>") == text.count("<content:encoded/>") == text.count("<dc:description/>") == 25
    assert text.count('isPermaLink="false"') == 25
    assert "<media:content" not in text
    assert 'domain="tag"' in text
    assert "<ttl>5</ttl>" in text
    assert text.count("<dc:creator>") > 25
    titles = [item for step in range(20) for item in newsroom(market, coindesk.DESK).front_page(NOW + 43_200 * step)]
    assert any("  " in coindesk.feed_headline(item) for item in titles)
    assert any("’" in coindesk.feed_headline(item) for item in titles)


def test_coindesk_dates_in_addresses_do_not_follow_a_later_change(market: Market) -> None:
    room = newsroom(market, coindesk.DESK)
    items = [item for step in range(40) for item in room.front_page(NOW + 21_600.0 * step) if item.update]
    assert items
    for item in items:
        day = datetime.fromtimestamp(item.first_published_at, UTC).strftime("%Y/%m/%d")
        assert f"/{day}/" in coindesk.path_of(item)


def test_cointelegraph_tracks_links_but_not_guids(market: Market) -> None:
    for entry in parsed(raw_feed(market, cointelegraph.DESK)).entries:
        assert entry.link.split("?")[0] == entry.id
        assert "utm_source=" in entry.link
        assert entry.author.startswith("Cointelegraph by ")
        assert "<img" in entry.summary


def test_decrypt_is_malformed_at_times_and_still_readable(market: Market) -> None:
    windows = [decrypt.is_malformed(1, NOW + 600.0 * step) for step in range(400)]
    assert 0.01 < sum(windows) / len(windows) < 0.1
    broken = parsed(raw_feed(market, decrypt.DESK, malformed=True))
    assert broken.bozo
    assert len(broken.entries) == 40


def test_the_block_dates_are_of_another_zone_and_its_gate_is_shut_at_times(market: Market) -> None:
    text = raw_feed(market, theblock.DESK)
    assert text.count(" -0400</pubDate>") == 51
    assert "?utm_source=rss&amp;utm_medium=rss" in text
    windows = [theblock.is_shut(1, NOW + 600.0 * step) for step in range(400)]
    assert 0.1 < sum(windows) / len(windows) < 0.3
    assert theblock.is_shut(1, NOW // 600 * 600) == theblock.is_shut(1, NOW // 600 * 600 + 599)


def test_an_article_holds_its_paragraphs_and_its_structured_data(market: Market) -> None:
    item = newsroom(market, coindesk.DESK).front_page(NOW)[0]
    page = article_page(item, address=f"{BASE}/x", related=[]).text
    assert isinstance(page, str)
    inside = page[page.index("<article>") : page.index("</article>")]
    assert inside.count("<p>") >= len(item.telling.paragraphs)
    assert f'<link rel="canonical" href="{BASE}/x">' in page
    data = json.loads(structured_data(item, f"{BASE}/x").replace("<\\/", "</"))
    assert data["headline"] == item.telling.headline
    assert data["@type"] == "NewsArticle"


def test_no_telling_has_an_unfilled_place(market: Market) -> None:
    for desk in DESKS:
        for step in range(5):
            for item in newsroom(market, desk).front_page(NOW + 86_400.0 * step):
                words = " ".join((item.telling.headline, item.telling.summary, *item.telling.paragraphs))
                assert "{" not in words
                assert "undisclosed" not in item.telling.headline


def test_headlines_become_titles_and_slugs() -> None:
    assert in_title_case("why SUI is up at noon in the markets") == "Why SUI Is Up at Noon in the Markets"
    assert slug_of("Bitcoin’s “day”: up 3.5% at $64,210") == "bitcoins-day-up-3-5-at-64-210"
