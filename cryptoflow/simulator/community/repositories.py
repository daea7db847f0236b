"""The simulated repositories: who has one, how much happens in it day by day, pull requests, people.

What belongs here: repositories as a pure function of seed and time. What does not: GitHub's paths and forms.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from cryptoflow.simulator.market.noise import FloatArray, keys_of, octave_sum, stable_key, uniform
from cryptoflow.simulator.market.universe import instant

if TYPE_CHECKING:
    from cryptoflow.simulator.market.model import Market

DAY_SECONDS: Final = 86_400
WEEK_SECONDS: Final = 7 * DAY_SECONDS
# 1970-01-04 was a Sunday: weeks start there.
FIRST_SUNDAY_SECONDS: Final = 3 * DAY_SECONDS
LARGE_REPOSITORY_COMMITS: Final = 10_000
_EMPTY_SHARE: Final = 0.03
_DAY_OF_WEEK: Final = (0.35, 1.2, 1.35, 1.35, 1.3, 1.1, 0.35)
_LANGUAGES: Final = ("Rust", "Go", "C++", "TypeScript", "Solidity", "Python", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """One repository. `daily_commits` is the mean over its life."""

    full_name: str
    key: int
    created_at: float
    daily_commits: float
    stars: float
    language: str | None
    archived: bool
    empty: bool

    @property
    def owner(self) -> str:
        """The account it belongs to."""
        return self.full_name.split("/", 1)[0]

    @property
    def name(self) -> str:
        """Its own name."""
        return self.full_name.split("/", 1)[1]


def find_repository(market: Market, full_name: str, now: float) -> Repository | None:
    """The repository of an asset; the case of the asked name does not matter."""
    wanted = full_name.lower()
    for asset in market.all_assets(now):
        if asset.github is not None and asset.github.lower() == wanted:
            return _repository(market.seed, asset.github, rank=asset.index)
    return None


def _repository(seed: int, full_name: str, *, rank: int) -> Repository:
    key = stable_key(seed, "repository", full_name)
    draw = [float(value) for value in uniform(key, np.arange(4))]
    made_up = rank >= 50
    return Repository(
        full_name=full_name,
        key=key,
        created_at=instant("2012-01-01T00:00:00") + draw[0] * 9 * 365 * DAY_SECONDS // 3600 * 3600,
        daily_commits=max(0.05, 11.0 * (rank + 2.0) ** -0.55 * (0.3 + 1.4 * draw[1])),
        stars=max(4.0, 80_000.0 * (rank + 1.0) ** -1.1),
        language=_LANGUAGES[key % len(_LANGUAGES)],
        archived=made_up and draw[2] < 0.08,
        empty=made_up and draw[3] < _EMPTY_SHARE,
    )


# Commits ----------------------------------------------------------------------------------------------------------


def week_start(at: float) -> int:
    """The Sunday 00:00 UTC at or before an instant."""
    return int((at - FIRST_SUNDAY_SECONDS) // WEEK_SECONDS) * WEEK_SECONDS + FIRST_SUNDAY_SECONDS


def commits_by_day(repository: Repository, first_day: int, days: int, *, now: float) -> list[int]:
    """Commits of each day (days since the epoch); of today only those made so far, none of the days to come."""
    numbers = np.arange(first_day, first_day + days)
    if repository.empty:
        return [0] * days
    keys = np.stack([keys_of(stable_key(repository.key, "pace", octave), 0) for octave in range(2)])
    starts = numbers.astype(np.float64) * DAY_SECONDS
    periods = (11.0 * DAY_SECONDS, 140.0 * DAY_SECONDS)
    pace = np.exp(octave_sum(keys, np.array([[0.5], [0.6]]), periods, starts))
    weekday = np.array(_DAY_OF_WEEK)[(numbers + 4) % 7]
    draw = uniform(stable_key(repository.key, "commits"), numbers)
    expected = repository.daily_commits * pace * weekday
    counts = np.floor(expected * (0.4 + 1.2 * draw) + uniform(stable_key(repository.key, "rounding"), numbers))
    done = np.clip((now - starts) / DAY_SECONDS, 0.0, 1.0)
    alive = starts >= repository.created_at
    counts = np.where(alive, np.floor(counts * done), 0.0)
    if repository.archived:
        counts = np.where(numbers >= _archived_day(repository), 0.0, counts)
    return [int(count) for count in counts]


def _archived_day(repository: Repository) -> int:
    return int(instant("2023-06-01T00:00:00") // DAY_SECONDS) + repository.key % 700


def total_commits(repository: Repository, now: float) -> int:
    """About as many as the mean pace gives over the repository's life."""
    if repository.empty:
        return 0
    return int(repository.daily_commits * max(0.0, now - repository.created_at) / DAY_SECONDS)


def head_commit(repository: Repository, now: float) -> str:
    """The hash of the default branch; it changes with every push, some hours apart at most."""
    pushes = int(now // push_interval_seconds(repository))
    return hashlib.sha256(f"{repository.key}/{pushes}".encode()).hexdigest()[:40]


def push_interval_seconds(repository: Repository) -> int:
    """How often the default branch moves."""
    return int(DAY_SECONDS / min(24.0, max(0.2, repository.daily_commits)))


def lines_changed(repository: Repository, week: int, commits: int) -> tuple[int, int]:
    """(additions, deletions) of a week; deletions are negative."""
    draw: FloatArray = uniform(stable_key(repository.key, "lines"), np.array([2 * week, 2 * week + 1]))
    return int(commits * (20 + 300 * draw[0])), -int(commits * (10 + 200 * draw[1]))


# Stars, pull requests, people -------------------------------------------------------------------------------------


def star_count(repository: Repository, now: float) -> int:
    """Grows for ever, more slowly with the years."""
    years = max(0.0, (now - repository.created_at) / (365.25 * DAY_SECONDS))
    return int(repository.stars * (1.0 - math.exp(-years / 7.0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """One pull request; `closed_at` None: open at the asked instant, `merged_at` None: open or rejected."""

    number: int
    created_at: float
    closed_at: float | None
    merged_at: float | None
    author: int


def pull_request_count(repository: Repository, now: float) -> int:
    """How many were ever opened."""
    if repository.empty:
        return 0
    return max(0, int((now - repository.created_at) / _pull_interval_seconds(repository)))


def pull_requests(repository: Repository, numbers: range, now: float) -> list[PullRequest]:
    """The pull requests of these numbers, as of `now`. Numbers rise with time."""
    interval = _pull_interval_seconds(repository)
    positions = np.array(numbers, dtype=np.int64)[:, np.newaxis] * 4 + np.arange(4)
    draws = uniform(stable_key(repository.key, "pull request"), positions.ravel()).reshape(-1, 4).tolist()
    authors = contributor_count(repository, now)
    found = []
    for number, (moment, wait, fate, verdict) in zip(numbers, draws, strict=True):
        created = repository.created_at + (number - 1 + moment) * interval
        closed = created + 3_600.0 + 20.0 * DAY_SECONDS * wait**3
        is_closed = closed <= now and fate < 0.97
        found.append(
            PullRequest(
                number=number,
                created_at=created,
                closed_at=closed if is_closed else None,
                merged_at=closed if is_closed and verdict < 0.78 else None,
                author=int(wait**2 * authors),
            )
        )
    return found


def _pull_interval_seconds(repository: Repository) -> float:
    return DAY_SECONDS / max(0.02, repository.daily_commits * 0.45)


def contributor_count(repository: Repository, now: float) -> int:
    """How many people have committed."""
    return 0 if repository.empty else max(1, int(total_commits(repository, now) ** 0.62))


def contributions(repository: Repository, place: int, now: float) -> int:
    """Commits of the contributor at that place, the busiest first."""
    count = contributor_count(repository, now)
    weight = 1.0 / (place + 1.0)
    return max(1, int(total_commits(repository, now) * weight / (math.log(count + 1.0) + 0.58)))
