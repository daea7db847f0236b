"""The simulated mood and communities: the fear and greed index, subreddits, repositories."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest

from cryptoflow.simulator.community.alternative_me import index_rows
from cryptoflow.simulator.community.fear_greed import FIRST_DAY, MISSING_DAYS, classify, index_by_day, published_days
from cryptoflow.simulator.community.github import ComputedStatistics, code_frequency, commit_activity, participation
from cryptoflow.simulator.community.reddit import GENERAL, about, find_subreddit
from cryptoflow.simulator.community.repositories import (
    Repository,
    commits_by_day,
    find_repository,
    head_commit,
    pull_request_count,
    pull_requests,
    star_count,
    total_commits,
)
from cryptoflow.simulator.market.model import Market

NOW = datetime(2026, 5, 20, 15, 30, tzinfo=UTC).timestamp()  # a Wednesday
DAY = 86_400


@pytest.fixture(scope="module")
def market() -> Market:
    return Market(asset_count=150)


@pytest.fixture(scope="module")
def bitcoin(market: Market) -> Repository:
    repository = find_repository(market, "Bitcoin/Bitcoin", NOW)
    assert repository is not None
    return repository


# Fear and greed ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (0, "Extreme Fear"),
        (25, "Extreme Fear"),
        (26, "Fear"),
        (46, "Fear"),
        (47, "Neutral"),
        (54, "Neutral"),
        (55, "Greed"),
        (75, "Greed"),
        (76, "Extreme Greed"),
        (100, "Extreme Greed"),
    ],
)
def test_classes_have_their_documented_edges(value: int, name: str) -> None:
    assert classify(value) == name


def test_the_index_stays_in_its_range_and_visits_every_class(market: Market) -> None:
    values = index_by_day(market)[: len(published_days(NOW)) + len(MISSING_DAYS)]
    assert values.min() >= 0
    assert values.max() <= 100
    assert {classify(int(value)) for value in values} == {
        "Extreme Fear",
        "Fear",
        "Neutral",
        "Greed",
        "Extreme Greed",
    }


def test_the_index_follows_the_price_of_bitcoin(market: Market) -> None:
    days = np.arange(FIRST_DAY + 100, FIRST_DAY + 2_900)
    instants = days.astype(np.float64) * DAY
    prices = np.log(market.prices_usd(0, instants))
    month = np.log(market.prices_usd(0, instants - 30 * DAY))
    values = index_by_day(market)[days - FIRST_DAY]
    assert np.corrcoef(prices - month, values)[0, 1] > 0.5


def test_all_days_are_there_but_the_four_missing_ones(market: Market) -> None:
    rows = index_rows(market, NOW, limit=0)
    stamps = [int(row["timestamp"]) for row in rows]
    assert stamps[0] == int(NOW // DAY) * DAY
    assert stamps[-1] == int(datetime(2018, 2, 1, tzinfo=UTC).timestamp())
    absent = set(range(stamps[-1], stamps[0], DAY)) - set(stamps)
    assert {datetime.fromtimestamp(stamp, UTC).strftime("%Y-%m-%d") for stamp in absent} == {
        "2018-04-14",
        "2018-04-15",
        "2018-04-16",
        "2024-10-26",
    }
    assert stamps == sorted(stamps, reverse=True)


def test_everything_is_text_and_only_the_first_row_tells_of_the_next_update(market: Market) -> None:
    rows = index_rows(market, NOW, limit=5)
    assert len(rows) == 5
    assert all(isinstance(value, str) for row in rows for value in row.values())
    assert [("time_until_update" in row) for row in rows] == [True, False, False, False, False]
    assert int(rows[0]["time_until_update"]) == 86_400 - 15 * 3_600 - 30 * 60


def test_a_published_day_never_changes(market: Market) -> None:
    before = {row["timestamp"]: row["value"] for row in index_rows(market, NOW, limit=0)}
    after = {row["timestamp"]: row["value"] for row in index_rows(market, NOW + 40 * DAY, limit=0)}
    assert before.items() <= after.items()


# Subreddits -------------------------------------------------------------------------------------------------------


def test_subreddits_are_found_in_any_case_and_no_others(market: Market) -> None:
    assert find_subreddit(market, "BITCOIN", NOW) == ("Bitcoin", 7_500_000.0)
    assert find_subreddit(market, "cryptocurrency", NOW) == ("CryptoCurrency", GENERAL["CryptoCurrency"])
    assert find_subreddit(market, "nosuchsub", NOW) is None


def test_many_subreddits_no_longer_say_who_is_active() -> None:
    names = [f"sub{number}" for number in range(200)]
    then = datetime(2025, 1, 1, tzinfo=UTC).timestamp()
    silent = [about(1, name, 10_000, NOW)["active_user_count"] is None for name in names]
    assert 0.4 * len(names) < sum(silent) < 0.8 * len(names)
    assert all(about(1, name, 10_000, then)["accounts_active"] is not None for name in names)


def test_subscribers_move_slowly() -> None:
    counts = [about(1, "Bitcoin", 7e6, NOW + day * DAY)["subscribers"] for day in range(200)]
    assert all(abs(later / earlier - 1) < 0.002 for earlier, later in pairwise(counts))
    assert len(set(counts)) > 150


# Repositories -----------------------------------------------------------------------------------------------------


def test_commit_activity_is_52_weeks_from_sunday_the_last_one_open(bitcoin: Repository) -> None:
    weeks = commit_activity(bitcoin, NOW)
    assert len(weeks) == 52
    for week in weeks:
        assert datetime.fromtimestamp(week["week"], UTC).strftime("%A %H:%M") == "Sunday 00:00"
        assert week["total"] == sum(week["days"])
    assert weeks[-1]["week"] <= NOW < weeks[-1]["week"] + 7 * DAY
    assert weeks[-1]["days"][4:] == [0, 0, 0]
    assert [week["total"] for week in weeks] == participation(bitcoin, NOW)["all"]


def test_days_that_are_over_keep_their_commits(bitcoin: Repository) -> None:
    first = int(NOW // DAY) - 60
    then = commits_by_day(bitcoin, first, 60, now=NOW)
    later = commits_by_day(bitcoin, first, 60, now=NOW + 9 * DAY)
    assert then == later
    assert sum(then) > 0
    today = commits_by_day(bitcoin, int(NOW // DAY), 1, now=NOW)[0]
    assert today <= commits_by_day(bitcoin, int(NOW // DAY), 1, now=NOW + DAY)[0]


def test_weekends_are_quiet(bitcoin: Repository) -> None:
    totals = np.array([week["days"] for week in commit_activity(bitcoin, NOW)]).sum(axis=0)
    assert totals[0] + totals[6] < 0.6 * (totals[1] + totals[2])


def test_statistics_are_there_from_the_second_asking_on(bitcoin: Repository) -> None:
    computed = ComputedStatistics()
    head = head_commit(bitcoin, NOW)
    assert not computed.is_ready(bitcoin, "commit_activity", head)
    assert computed.is_ready(bitcoin, "commit_activity", head)
    assert not computed.is_ready(bitcoin, "participation", head)
    assert not computed.is_ready(bitcoin, "commit_activity", head_commit(bitcoin, NOW + 30 * DAY))


def test_code_frequency_has_negative_deletions(market: Market) -> None:
    small = next(
        repository
        for asset in market.assets(NOW)
        if asset.github and (repository := find_repository(market, asset.github, NOW)) is not None
        if 100 < total_commits(repository, NOW) < 5_000
    )
    rows = code_frequency(small, NOW)
    assert any(additions > 0 for _, additions, _ in rows)
    assert all(additions >= 0 >= deletions for _, additions, deletions in rows)


def test_pull_requests_are_numbered_by_time_and_merged_ones_are_closed(bitcoin: Repository) -> None:
    count = pull_request_count(bitcoin, NOW)
    pulls = pull_requests(bitcoin, range(count - 400, count + 1), NOW)
    assert [pull.created_at for pull in pulls] == sorted(pull.created_at for pull in pulls)
    assert all(pull.closed_at == pull.merged_at for pull in pulls if pull.merged_at is not None)
    assert all(pull.closed_at is None or pull.created_at < pull.closed_at <= NOW for pull in pulls)
    kinds = {(pull.closed_at is None, pull.merged_at is None) for pull in pulls}
    assert kinds == {(True, True), (False, True), (False, False)}


def test_an_old_pull_request_keeps_its_fate(bitcoin: Repository) -> None:
    numbers = range(100, 200)
    assert [p.merged_at for p in pull_requests(bitcoin, numbers, NOW)] == [
        p.merged_at for p in pull_requests(bitcoin, numbers, NOW + 90 * DAY)
    ]


def test_some_repositories_are_empty_and_stars_only_grow(market: Market, bitcoin: Repository) -> None:
    large = Market(asset_count=400)
    found = [find_repository(large, asset.github, NOW) for asset in large.assets(NOW) if asset.github]
    empty = [repository for repository in found if repository is not None and repository.empty]
    assert 0 < len(empty) < len(found) / 10
    assert total_commits(empty[0], NOW) == 0
    assert star_count(bitcoin, NOW) <= star_count(bitcoin, NOW + 365 * DAY)
    assert find_repository(market, "nobody/nothing", NOW) is None
