"""The simulated index of moods, Reddit and GitHub over HTTP: forms, errors, headers, pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from cryptoflow.simulator.community.repositories import find_repository, total_commits
from cryptoflow.simulator.server import SimulatorServer

NOW = 1_779_291_000.0  # 2026-05-20T15:30:00Z
AGENT = {"user-agent": "linux:org.example.collector:1.0 (by /u/someone)"}


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatorServer]:
    with SimulatorServer(asset_count=400) as running:
        yield running


@pytest.fixture
def simulator(server: SimulatorServer) -> SimulatorServer:
    server.world.clock.set(now=NOW, freeze=True)
    server.world.limits.reset_usage()
    server.world.faults.clear()
    return server


@pytest.fixture
def web(simulator: SimulatorServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=simulator.url, headers=AGENT, trust_env=False, timeout=20.0) as client:
        yield client


def repository_like(simulator: SimulatorServer, *, empty: bool, most_commits: int) -> str:
    market = simulator.world.market
    return next(
        asset.github
        for asset in market.assets(NOW)
        if asset.github is not None
        and (repository := find_repository(market, asset.github, NOW)) is not None
        and repository.empty == empty
        and total_commits(repository, NOW) <= most_commits
    )


# The index --------------------------------------------------------------------------------------------------------


def test_the_index_gives_one_day_by_default(web: httpx.Client) -> None:
    body = web.get("/alternative_me/fng/").json()
    assert body["name"] == "Fear and Greed Index"
    assert body["metadata"] == {"error": None}
    assert len(body["data"]) == 1
    assert set(body["data"][0]) == {"value", "value_classification", "timestamp", "time_until_update"}


def test_limit_zero_is_all_of_it_and_formats_change_the_stamp(web: httpx.Client) -> None:
    everything = web.get("/alternative_me/fng/?limit=0").json()["data"]
    assert len(everything) > 3_000
    assert everything[-1]["timestamp"] == "1517443200"
    assert everything[:3] == web.get("/alternative_me/fng?limit=3").json()["data"]
    dated = web.get("/alternative_me/fng/?limit=2&date_format=us").json()["data"]
    assert [row["timestamp"] for row in dated] == ["05-20-2026", "05-19-2026"]
    world = web.get("/alternative_me/fng/?limit=1&date_format=world").json()["data"]
    assert world[0]["timestamp"] == "20-05-2026"


def test_a_limit_that_is_no_number_is_an_error(web: httpx.Client) -> None:
    answer = web.get("/alternative_me/fng/?limit=many")
    assert answer.status_code == 400
    assert answer.json()["metadata"]["error"]


# Reddit -----------------------------------------------------------------------------------------------------------


def test_a_subreddit_tells_its_subscribers_and_the_limit(web: httpx.Client) -> None:
    answer = web.get("/reddit/r/bitcoin/about.json")
    body = answer.json()
    assert body["kind"] == "t5"
    assert body["data"]["display_name"] == "Bitcoin"
    assert body["data"]["subscribers"] > 5_000_000
    assert {"accounts_active", "active_user_count", "created_utc", "over18"} <= set(body["data"])
    assert float(answer.headers["x-ratelimit-remaining"]) == 99.0
    assert int(answer.headers["x-ratelimit-used"]) == 1


def test_the_oauth_path_answers_alike(web: httpx.Client) -> None:
    open_host = web.get("/reddit/r/ethereum/about.json").json()
    token = {"authorization": "bearer token"}
    assert web.get("/reddit/oauth/r/ethereum/about", headers=token).json() == open_host
    assert web.get("/reddit/r/ethereum/about", headers=token).json() == open_host


def test_many_active_counts_are_null(simulator: SimulatorServer, web: httpx.Client) -> None:
    subs = [asset.reddit for asset in simulator.world.market.assets(NOW) if asset.reddit][:60]
    simulator.world.limits.set_quota(provider="reddit", plan="ip", window="ten_minutes", quota=1_000)
    bodies = [web.get(f"/reddit/r/{sub}/about.json") for sub in subs]
    active = [body.json()["data"]["active_user_count"] for body in bodies if body.status_code == 200]
    assert len(active) > 50
    assert 0.3 < sum(count is None for count in active) / len(active) < 0.9
    simulator.world.limits.set_quota(provider="reddit", plan="ip", window="ten_minutes", quota=100)


def test_a_common_user_agent_is_refused_with_a_page(web: httpx.Client) -> None:
    answer = web.get("/reddit/r/bitcoin/about.json", headers={"user-agent": "python-httpx/0.28.1"})
    assert answer.status_code == 403
    assert answer.headers["content-type"].startswith("text/html")


def test_an_unknown_subreddit_is_json_404(web: httpx.Client) -> None:
    answer = web.get("/reddit/r/thereisnosuchplace/about.json")
    assert answer.status_code == 404
    assert answer.json() == {"message": "Not Found", "error": 404}


# GitHub -----------------------------------------------------------------------------------------------------------


def test_a_repository_tells_its_counts_and_keeps_its_etag(web: httpx.Client) -> None:
    answer = web.get("/github/repos/bitcoin/bitcoin")
    body = answer.json()
    assert body["full_name"] == "bitcoin/bitcoin"
    assert body["stargazers_count"] == body["watchers_count"] > 10_000
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", body["pushed_at"])
    again = web.get("/github/repos/bitcoin/bitcoin", headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""


def test_the_first_asking_for_statistics_is_202(simulator: SimulatorServer, web: httpx.Client) -> None:
    path = "/github/repos/ethereum/go-ethereum/stats/commit_activity"
    first, second = web.get(path), web.get(path)
    assert (first.status_code, first.json()) == (202, {})
    assert second.status_code == 200
    weeks = second.json()
    assert len(weeks) == 52
    assert all(week["total"] == sum(week["days"]) and len(week["days"]) == 7 for week in weeks)
    simulator.world.clock.set(now=NOW + 3 * 86_400)
    assert web.get(path).status_code == 202


def test_empty_and_large_repositories_have_no_statistics(simulator: SimulatorServer, web: httpx.Client) -> None:
    empty = repository_like(simulator, empty=True, most_commits=0)
    answer = web.get(f"/github/repos/{empty}/stats/commit_activity")
    assert (answer.status_code, answer.content) == (204, b"")
    assert web.get(f"/github/repos/{empty}/contributors").status_code == 204
    assert web.get("/github/repos/bitcoin/bitcoin/stats/code_frequency").status_code == 422
    small = repository_like(simulator, empty=False, most_commits=5_000)
    path = f"/github/repos/{small}/stats/code_frequency"
    assert [web.get(path).status_code, web.get(path).status_code] == [202, 200]
    assert all(len(row) == 3 for row in web.get(path).json())


def follow(web: httpx.Client, path: str, *, most: int = 10) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    answer = web.get(path)
    for _ in range(most):
        rows += answer.json()
        if "next" not in answer.links:
            break
        answer = web.get(answer.links["next"]["url"])
    return rows


def test_pull_requests_are_paged_by_link_headers(web: httpx.Client) -> None:
    first = web.get("/github/repos/bitcoin/bitcoin/pulls?state=closed&per_page=50")
    assert set(first.links) == {"next", "last"}
    rows = follow(web, "/github/repos/bitcoin/bitcoin/pulls?state=closed&per_page=50", most=4)
    assert len(rows) == 200
    assert len({row["number"] for row in rows}) == 200
    assert all(row["state"] == "closed" and row["closed_at"] for row in rows)
    assert 0.6 < sum(row["merged_at"] is not None for row in rows) / 200 < 0.95
    assert web.get("/github/repos/bitcoin/bitcoin/pulls?state=merged").status_code == 422


def test_contributors_end_on_a_last_page(simulator: SimulatorServer, web: httpx.Client) -> None:
    small = repository_like(simulator, empty=False, most_commits=5_000)
    rows = follow(web, f"/github/repos/{small}/contributors?per_page=100")
    counts = [row["contributions"] for row in rows]
    assert counts == sorted(counts, reverse=True)
    assert len({row["login"] for row in rows}) == len(rows) > 5


def test_who_names_no_agent_is_refused(simulator: SimulatorServer) -> None:
    with httpx.Client(base_url=simulator.url, trust_env=False) as bare:
        del bare.headers["user-agent"]
        assert bare.get("/github/repos/bitcoin/bitcoin").status_code == 403


def test_the_rate_limit_is_told_and_an_unknown_repository_is_not_found(web: httpx.Client) -> None:
    answer = web.get("/github/repos/nobody/nothing")
    assert answer.status_code == 404
    assert answer.json()["message"] == "Not Found"
    assert answer.headers["x-ratelimit-limit"] == "60"
    core = web.get("/github/rate_limit").json()["resources"]["core"]
    assert core["limit"] == 60
    assert core["used"] + core["remaining"] == 60
    assert core["used"] >= 1
