"""GitHub's REST interface as it answers: repositories, their statistics, contributors, pull requests, the rate limit.

Statistics are computed once a day for the day's first commit. What nobody asked for yet is not there: the first asking
starts the computation and is answered with 202.

What belongs here: paths, parameters, pages, forms. What does not: what happens in a repository (repositories.py), the
quota, ETags and the demand for a User-Agent (the middleware).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from cryptoflow.simulator.community.repositories import (
    DAY_SECONDS,
    LARGE_REPOSITORY_COMMITS,
    WEEK_SECONDS,
    PullRequest,
    Repository,
    commits_by_day,
    contributions,
    contributor_count,
    find_repository,
    head_commit,
    lines_changed,
    pull_request_count,
    pull_requests,
    push_interval_seconds,
    star_count,
    total_commits,
    week_start,
)
from cryptoflow.simulator.keys import address_of
from cryptoflow.simulator.market.noise import stable_key
from cryptoflow.simulator.responses import Shape, SimResponse, endpoint

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from cryptoflow.simulator.world import World

DEFAULT_PAGE_SIZE: Final = 30
MAX_PAGE_SIZE: Final = 100
WEEKS: Final = 52
_MAX_DIGITS: Final = 9
_REMEMBERED: Final = 4_096
_DOCS: Final = "https://docs.github.com/rest"
Answer = Callable[["Request", "World", Repository], SimResponse]


class ComputedStatistics:
    """Which statistics have been asked for today, so that they are there."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, str], str] = OrderedDict()

    def is_ready(self, repository: Repository, statistic: str, head: str) -> bool:
        """Whether it was asked for at this head before; asking starts it."""
        place = (repository.full_name, statistic)
        ready = self._seen.get(place) == head
        self._seen[place] = head
        self._seen.move_to_end(place)
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return ready


def routes(world: World) -> list[BaseRoute]:
    """The routes without the provider's prefix."""
    del world
    computed = ComputedStatistics()
    statistics = {
        "commit_activity": commit_activity,
        "code_frequency": code_frequency,
        "participation": participation,
    }
    return [
        endpoint("/rate_limit", _rate_limit),
        endpoint("/repos/{owner}/{name}", partial(_with_repository, answer=_repository)),
        *(
            endpoint(
                f"/repos/{{owner}}/{{name}}/stats/{statistic}",
                partial(
                    _with_repository,
                    answer=partial(_statistic, computed=computed, statistic=statistic, values=values),
                ),
            )
            for statistic, values in statistics.items()
        ),
        endpoint("/repos/{owner}/{name}/contributors", partial(_with_repository, answer=_contributors)),
        endpoint("/repos/{owner}/{name}/pulls", partial(_with_repository, answer=_pulls)),
    ]


def _with_repository(request: Request, world: World, *, answer: Answer) -> SimResponse:
    full_name = f"{request.path_params['owner']}/{request.path_params['name']}"
    repository = find_repository(world.market, full_name, world.clock.now())
    if repository is None:
        return SimResponse(body={"message": "Not Found", "documentation_url": _DOCS, "status": "404"}, status=404)
    return answer(request, world, repository)


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# The repository ---------------------------------------------------------------------------------------------------


def _repository(request: Request, world: World, repository: Repository) -> SimResponse:
    del request
    now = world.clock.now()
    stars = star_count(repository, now)
    pushed = now // push_interval_seconds(repository) * push_interval_seconds(repository)
    owner_id = stable_key("owner", repository.owner) % 10**8
    body = {
        "id": repository.key % 10**9,
        "node_id": f"R_{repository.key % 10**9:x}",
        "name": repository.name,
        "full_name": repository.full_name,
        "private": False,
        "owner": {"login": repository.owner, "id": owner_id, "type": "Organization", "site_admin": False},
        "html_url": f"https://github.com/{repository.full_name}",
        "description": f"The reference implementation of {repository.name}.",
        "fork": False,
        "created_at": _stamp(repository.created_at),
        "updated_at": _stamp(max(repository.created_at, now // 3600 * 3600)),
        "pushed_at": _stamp(max(repository.created_at, pushed)),
        "size": total_commits(repository, now) * 23,
        "stargazers_count": stars,
        "watchers_count": stars,
        "forks_count": int(stars * 0.42),
        "open_issues_count": int(stars**0.6),
        "subscribers_count": int(stars * 0.05) + 1,
        "network_count": int(stars * 0.42),
        "language": None if repository.empty else repository.language,
        "license": None if repository.key % 9 == 0 else {"key": "mit", "spdx_id": "MIT", "name": "MIT License"},
        "archived": repository.archived,
        "disabled": False,
        "default_branch": "main",
        "topics": [],
        "visibility": "public",
    }
    return SimResponse(
        body=body, shape=Shape(id_key="id", price_keys=("stargazers_count", "forks_count"), time_keys=("pushed_at",))
    )


# Statistics -------------------------------------------------------------------------------------------------------


def _statistic(
    request: Request,
    world: World,
    repository: Repository,
    *,
    computed: ComputedStatistics,
    statistic: str,
    values: Callable[[Repository, float], object],
) -> SimResponse:
    del request
    now = world.clock.now()
    if repository.empty:
        return SimResponse(text=b"", status=204)
    if statistic == "code_frequency" and total_commits(repository, now) >= LARGE_REPOSITORY_COMMITS:
        message = "Repository has too many commits to compute code frequency."
        return SimResponse(body={"message": message, "documentation_url": _DOCS, "status": "422"}, status=422)
    if not computed.is_ready(repository, statistic, head_commit(repository, now // DAY_SECONDS * DAY_SECONDS)):
        return SimResponse(body={}, status=202)
    series = statistic == "commit_activity"
    return SimResponse(
        body=values(repository, now),
        shape=Shape(rows=(), id_key="week", price_keys=("total",), time_keys=("week",), series=True)
        if series
        else Shape(),
    )


def commit_activity(repository: Repository, now: float) -> list[dict[str, Any]]:
    """The last 52 weeks from Sunday to Saturday; the last one is the present week so far."""
    first = week_start(now) - (WEEKS - 1) * WEEK_SECONDS
    days = commits_by_day(repository, first // DAY_SECONDS, WEEKS * 7, now=now)
    return [
        {
            "days": days[7 * week : 7 * week + 7],
            "total": sum(days[7 * week : 7 * week + 7]),
            "week": first + week * WEEK_SECONDS,
        }
        for week in range(WEEKS)
    ]


def code_frequency(repository: Repository, now: float) -> list[list[int]]:
    """[week, additions, deletions] for every week since the first."""
    first, last = week_start(repository.created_at), week_start(now)
    weeks = (last - first) // WEEK_SECONDS + 1
    days = commits_by_day(repository, first // DAY_SECONDS, weeks * 7, now=now)
    return [
        [first + week * WEEK_SECONDS, *lines_changed(repository, week, sum(days[7 * week : 7 * week + 7]))]
        for week in range(weeks)
    ]


def participation(repository: Repository, now: float) -> dict[str, list[int]]:
    """Commits of the last 52 weeks by everyone, and by the owner."""
    totals = [int(week["total"]) for week in commit_activity(repository, now)]
    return {"all": totals, "owner": [total // 6 for total in totals]}


# Pages ------------------------------------------------------------------------------------------------------------


def _page_of(request: Request) -> tuple[int, int]:
    def positive(name: str, default: int) -> int:
        text = request.query_params.get(name, "")
        return max(1, int(text)) if text.isdecimal() and len(text) <= _MAX_DIGITS else default

    return positive("page", 1), min(MAX_PAGE_SIZE, positive("per_page", DEFAULT_PAGE_SIZE))


def _link_header(request: Request, *, page: int, pages: int) -> dict[str, str]:
    """`link` as GitHub writes it; absent when there is one page only."""

    def link(target: int, name: str) -> str:
        return f'<{request.url.include_query_params(page=target)}>; rel="{name}"'

    links = []
    if page > 1:
        links.append(link(min(page - 1, pages), "prev"))
    if page < pages:
        links += [link(page + 1, "next"), link(pages, "last")]
    if page > 1:
        links.append(link(1, "first"))
    return {"link": ", ".join(links)} if links else {}


def _contributors(request: Request, world: World, repository: Repository) -> SimResponse:
    if repository.empty:
        return SimResponse(text=b"", status=204)
    now = world.clock.now()
    page, size = _page_of(request)
    count = contributor_count(repository, now)
    places = range((page - 1) * size, min(count, page * size))
    return SimResponse(
        body=[{**_user(repository, place), "contributions": contributions(repository, place, now)} for place in places],
        headers=_link_header(request, page=page, pages=max(1, -(-count // size))),
        shape=Shape(rows=(), id_key="id", price_keys=("contributions",), page_param="page"),
    )


def _user(repository: Repository, place: int) -> dict[str, Any]:
    key = stable_key(repository.key, "contributor", place)
    is_bot = key % 23 == 0
    login = f"dev-{key % 10**6:06d}" + ("[bot]" if is_bot else "")
    return {"login": login, "id": key % 10**8, "type": "Bot" if is_bot else "User", "site_admin": False}


def _pulls(request: Request, world: World, repository: Repository) -> SimResponse:
    now = world.clock.now()
    state = request.query_params.get("state", "open")
    if state not in {"open", "closed", "all"}:
        return SimResponse(
            body={"message": "Validation Failed", "documentation_url": _DOCS, "status": "422"}, status=422
        )
    page, size = _page_of(request)
    found, count = _pulls_page(request, repository, state=state, now=now, first=(page - 1) * size, size=size)
    return SimResponse(
        body=[_pull_row(repository, pull) for pull in found],
        headers=_link_header(request, page=page, pages=max(1, -(-count // size))),
        shape=Shape(rows=(), id_key="number", time_keys=("created_at", "merged_at"), page_param="page"),
    )


_NEWEST_CONSIDERED: Final = 1_200


def _pulls_page(
    request: Request, repository: Repository, *, state: str, now: float, first: int, size: int
) -> tuple[list[PullRequest], int]:
    """One page of those in the state, and how many there are in all; only the newest 1,200 are looked through."""
    count = pull_request_count(repository, now)
    numbers = range(count, max(0, count - _NEWEST_CONSIDERED), -1)
    pulls = pull_requests(repository, numbers, now)
    wanted = [pull for pull in pulls if state == "all" or (state == "open") == (pull.closed_at is None)]
    if request.query_params.get("sort") == "updated":
        wanted.sort(key=lambda pull: -(pull.closed_at or pull.created_at))
    if request.query_params.get("direction", "desc") == "asc":
        wanted.reverse()
    return wanted[first : first + size], len(wanted)


def _pull_row(repository: Repository, pull: PullRequest) -> dict[str, Any]:
    return {
        "id": stable_key(repository.key, "pull", pull.number) % 10**10,
        "number": pull.number,
        "state": "open" if pull.closed_at is None else "closed",
        "title": f"Improve part {pull.number % 97} of {repository.name}",
        "user": _user(repository, pull.author),
        "created_at": _stamp(pull.created_at),
        "updated_at": _stamp(pull.closed_at or pull.created_at),
        "closed_at": None if pull.closed_at is None else _stamp(pull.closed_at),
        "merged_at": None if pull.merged_at is None else _stamp(pull.merged_at),
        "draft": False,
        "base": {"ref": "main"},
    }


# The rate limit ---------------------------------------------------------------------------------------------------


def _rate_limit(request: Request, world: World) -> SimResponse:
    token = request.headers.get("authorization")
    usages = world.limits.usages(
        provider="github",
        plan="token" if token else "anonymous",
        user=token or address_of(request),
        now=world.clock.now(),
    )
    core = {
        "limit": usages[0].quota if usages else 0,
        "remaining": usages[0].left if usages else 0,
        "used": usages[0].used if usages else 0,
        "reset": int(usages[0].reset_at) if usages else 0,
    }
    return SimResponse(body={"resources": {"core": core}, "rate": core})
