"""Quotas: windows of simulated time, refusals, credits, bans."""

from __future__ import annotations

import pytest

from cryptoflow.errors import UsageError
from cryptoflow.simulator.limits import LimitBook, Spent, window_bounds

NOON = 1_767_268_800.0  # 2026-01-01T12:00:00Z


def take(book: LimitBook, now: float, *, plan: str = "demo", user: str = "SIM-1") -> Spent:
    return book.take(provider="coingecko", plan=plan, user=user, now=now)


def test_the_minute_is_refused_when_spent_and_starts_anew() -> None:
    book = LimitBook({"coingecko": {"demo": {"minute": 2}}})
    assert [take(book, NOON + at).exceeded for at in (0.0, 59.0)] == [None, None]
    refused = take(book, NOON + 59.9)
    assert refused.exceeded is not None
    assert (refused.exceeded.window, refused.exceeded.reset_at) == ("minute", NOON + 60.0)
    assert take(book, NOON + 60.0).exceeded is None


def test_a_refusal_uses_nothing_of_other_windows() -> None:
    book = LimitBook({"coingecko": {"demo": {"minute": 1, "month": 10}}})
    for _ in range(5):
        spent = take(book, NOON)
    month = spent.of("month")
    assert month is not None
    assert month.used == 1
    assert spent.refused == 4


def test_the_month_outlives_the_minute_and_ends_with_the_calendar() -> None:
    book = LimitBook({"coingecko": {"demo": {"minute": 100, "month": 3}}})
    for at in range(3):
        assert take(book, NOON + at * 86_400.0).exceeded is None
    refused = take(book, NOON + 20 * 86_400.0)
    assert refused.exceeded is not None
    assert refused.exceeded.window == "month"
    assert refused.exceeded.reset_at == 1_769_904_000.0  # 2026-02-01T00:00:00Z
    assert take(book, refused.exceeded.reset_at).exceeded is None


def test_users_are_counted_apart() -> None:
    book = LimitBook({"coingecko": {"demo": {"minute": 1}}})
    assert take(book, NOON, user="a").exceeded is None
    assert take(book, NOON, user="b").exceeded is None
    assert take(book, NOON, user="a").exceeded is not None


def test_costs_count_by_weight_and_zero_costs_pass_a_spent_window() -> None:
    book = LimitBook({"coingecko": {"demo": {"minute": 10, "month": 5}}})
    spent = book.take(provider="coingecko", plan="demo", user="a", now=NOON, costs={"minute": 4, "month": 5})
    assert [(usage.window, usage.used, usage.left) for usage in spent.usages] == [("minute", 4, 6), ("month", 5, 0)]
    assert book.take(provider="coingecko", plan="demo", user="a", now=NOON, costs={"minute": 1}).exceeded is None
    over = book.take(provider="coingecko", plan="demo", user="a", now=NOON, costs={"minute": 6})
    assert over.exceeded is not None


def test_a_later_charge_counts_and_can_be_given_back() -> None:
    book = LimitBook()
    user = {"provider": "coinmarketcap", "plan": "basic", "user": "k"}
    book.charge(**user, window="month", now=NOON, amount=7)
    book.charge(**user, window="month", now=NOON, amount=-2)
    used = {usage.window: usage.used for usage in book.usages(**user, now=NOON)}
    assert used == {"minute": 0, "day": 0, "month": 5}


def test_quotas_can_be_set_lifted_and_usage_forgotten() -> None:
    book = LimitBook()
    book.set_quota(provider="coingecko", plan="demo", window="month", quota=1)
    assert take(book, NOON).exceeded is None
    assert take(book, NOON).exceeded is not None
    book.set_quota(provider="coingecko", plan="demo", window="month", quota=None)
    assert take(book, NOON).exceeded is None
    book.set_quota(provider="coingecko", plan="demo", window="month", quota=2)
    assert take(book, NOON).exceeded is not None
    book.reset_usage(provider="coinmarketcap")
    assert take(book, NOON).exceeded is not None
    book.reset_usage(provider="coingecko")
    assert take(book, NOON).exceeded is None


def test_setting_a_quota_that_cannot_be_names_the_nearest() -> None:
    book = LimitBook()
    with pytest.raises(UsageError, match=r"no plan named 'demos'.*Did you mean 'demo'\?"):
        book.set_quota(provider="coingecko", plan="demos", window="month", quota=1)
    with pytest.raises(UsageError, match=r"no limit window named 'months'.*Did you mean 'month'\?"):
        book.set_quota(provider="coingecko", plan="demo", window="months", quota=1)
    with pytest.raises(UsageError, match="cannot be -1"):
        book.set_quota(provider="coingecko", plan="demo", window="month", quota=-1)


def test_a_ban_ends() -> None:
    book = LimitBook()
    book.ban(provider="coingecko", user="a", until=NOON + 120.0)
    assert book.banned_until(provider="coingecko", user="a", now=NOON + 119.0) == NOON + 120.0
    assert book.banned_until(provider="coingecko", user="a", now=NOON + 120.0) is None
    assert book.banned_until(provider="coingecko", user="b", now=NOON) is None


def test_the_shown_state_hides_keys_and_shows_no_quota_as_none() -> None:
    book = LimitBook()
    key = "SIM-PRO-very-secret"
    book.take(provider="coinmarketcap", plan="basic", user=key, now=NOON)
    state = book.state(now=NOON)
    assert "secret" not in repr(state)
    assert "'day': {'quota': None, 'used': 1" in repr(state)


def test_windows_begin_on_the_clock() -> None:
    assert window_bounds("minute", NOON + 61.5) == (NOON + 60.0, NOON + 120.0)
    assert window_bounds("ten_seconds", NOON + 9.99) == (NOON, NOON + 10.0)
    assert window_bounds("month", NOON) == (1_767_225_600.0, 1_769_904_000.0)
