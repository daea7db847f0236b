"""The four simulated feeds over HTTP: readable, linked to article pages of the same server, shut at times."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import Any

import feedparser  # type: ignore[import-untyped]
import httpx
import pytest

from cryptoflow.simulator.news import theblock
from cryptoflow.simulator.server import SimulatorServer

NOW = 1_779_291_000.0  # 2026-05-20T15:30:00Z
FEEDS = {
    "coindesk": "/coindesk/arc/outboundfeeds/rss",
    "cointelegraph": "/cointelegraph/rss",
    "decrypt": "/decrypt/feed",
    "theblock": "/theblock/rss.xml",
}


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatorServer]:
    with SimulatorServer(asset_count=80) as running:
        yield running


@pytest.fixture
def simulator(server: SimulatorServer) -> SimulatorServer:
    now = NOW
    while theblock.is_shut(server.world.seed, now):
        now += theblock.WINDOW_SECONDS
    server.world.clock.set(now=now, freeze=True)
    server.world.faults.clear()
    return server


@pytest.fixture
def web(simulator: SimulatorServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=simulator.url, trust_env=False, timeout=20.0) as client:
        yield client


def feed_of(web: httpx.Client, name: str) -> Any:
    answer = web.get(FEEDS[name])
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/rss+xml")
    return feedparser.parse(io.BytesIO(answer.content))


@pytest.mark.parametrize("name", FEEDS)
def test_a_feed_has_its_items_and_each_links_to_an_article(web: httpx.Client, name: str) -> None:
    feed = feed_of(web, name)
    assert 25 <= len(feed.entries) <= 50
    for entry in feed.entries[:6]:
        assert entry.link.startswith(f"{web.base_url}".rstrip("/") + f"/{name}/")
        answer = web.get(entry.link)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/html")
        canonical = re.search(r'<link rel="canonical" href="([^"]+)">', answer.text)
        assert canonical is not None
        assert canonical[1] == entry.link.split("?")[0]
        data = re.search(r'<script type="application/ld\+json">(.+?)</script>', answer.text)
        assert data is not None
        assert " ".join(entry.title.split()).replace("\u2019", "'") == json.loads(data[1])["headline"].replace(
            "\u2019", "'"
        )
        inside = answer.text[answer.text.index("<article>") : answer.text.index("</article>")]
        assert inside.count("<p>") >= 4
        assert "Newsletter" not in inside


@pytest.mark.parametrize("name", FEEDS)
def test_ten_minutes_later_the_same_items_have_the_same_guids(
    simulator: SimulatorServer, web: httpx.Client, name: str
) -> None:
    before = {entry.id: entry for entry in feed_of(web, name).entries}
    now = simulator.world.clock.now() + 600
    while name == "theblock" and theblock.is_shut(simulator.world.seed, now):
        now += theblock.WINDOW_SECONDS
    simulator.world.clock.set(now=now)
    after = {entry.id: entry for entry in feed_of(web, name).entries}
    kept = before.keys() & after.keys()
    assert len(kept) >= len(before) - 5
    assert all(before[guid].link == after[guid].link and before[guid].title == after[guid].title for guid in kept)


def test_the_address_with_a_slash_moves_permanently(web: httpx.Client) -> None:
    answer = web.get("/coindesk/arc/outboundfeeds/rss/")
    assert answer.status_code == 308
    assert answer.headers["location"] == f"{web.base_url}".rstrip("/") + FEEDS["coindesk"]
    assert web.get(answer.headers["location"]).status_code == 200


def test_the_block_is_shut_for_whole_stretches(simulator: SimulatorServer, web: httpx.Client) -> None:
    link = feed_of(web, "theblock").entries[0].link
    now = simulator.world.clock.now()
    while not theblock.is_shut(simulator.world.seed, now):
        now += theblock.WINDOW_SECONDS
    simulator.world.clock.set(now=now)
    for path in (FEEDS["theblock"], link):
        answer = web.get(path)
        assert answer.status_code == 403
        assert "Just a moment" in answer.text
        assert answer.headers["cf-mitigated"] == "challenge"
    assert web.get(FEEDS["decrypt"]).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/coindesk/markets/2026/05/20/nothing-like-this-2890ab",
        "/coindesk/markets/2026/05/20/nothing",
        "/cointelegraph/news/nothing-like-this-2636032",
        "/cointelegraph/news/nothing",
        "/decrypt/2636032/nothing-like-this",
        "/theblock/post/99999999/nothing",
        "/decrypt/1/nothing",
    ],
)
def test_there_is_no_page_for_a_wrong_address(web: httpx.Client, path: str) -> None:
    assert web.get(path).status_code == 404


def test_an_article_of_the_past_is_still_there_and_one_of_the_future_is_not(
    simulator: SimulatorServer, web: httpx.Client
) -> None:
    link = feed_of(web, "decrypt").entries[0].link
    now = simulator.world.clock.now()
    simulator.world.clock.set(now=now + 200 * 86_400)
    assert web.get(link).status_code == 200
    simulator.world.clock.set(now=now - 12 * 3_600)
    assert web.get(link).status_code == 404
