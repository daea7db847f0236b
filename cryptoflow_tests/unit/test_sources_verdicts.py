"""What an answer means: the tables of both providers, over all the forms in which they say no."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from cryptoflow.errors import PermanentError, TransientError
from cryptoflow.sources.errors import (
    BadRequest,
    KeyRejected,
    NotFound,
    NotJson,
    PlanExcludes,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    QuotaSpent,
    RateLimited,
)
from cryptoflow.sources.verdicts import (
    Answer,
    Judge,
    judge_by_status,
    judge_coingecko,
    judge_coinmarketcap,
    start_of_next_month,
)

NOW = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
PAGE = b"<!DOCTYPE html><title>Attention Required!</title>"


def answer(status: int, body: object, **headers: str) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(provider="p", endpoint="e", status=status, headers=headers, body=raw, received_at=NOW)


def error_of(judge: Judge, status: int, body: object, **headers: str) -> ProviderError | None:
    return judge(answer(status, body, **headers)).error


def coingecko_status(code: object, message: str) -> dict[str, object]:
    return {"status": {"timestamp": "2026-01-01T00:00:00Z", "error_code": code, "error_message": message}}


def cmc(code: object, message: str | None = None, credits: int = 0, **more: object) -> dict[str, object]:
    return {"status": {"error_code": code, "error_message": message, "credit_count": credits}, **more}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, None),
        (202, None),
        (204, None),
        (304, None),
        (301, NotFound),
        (400, BadRequest),
        (401, KeyRejected),
        (402, PlanExcludes),
        (403, PlanExcludes),
        (404, NotFound),
        (408, ProviderTimeout),
        (410, NotFound),
        (418, RateLimited),
        (422, BadRequest),
        (429, RateLimited),
        (451, PlanExcludes),
        (500, ProviderUnavailable),
        (503, ProviderUnavailable),
        (520, ProviderUnavailable),
    ],
)
def test_by_status(status: int, expected: type[ProviderError] | None) -> None:
    error = error_of(judge_by_status, status, {"any": "thing"})
    assert type(error) is (expected or type(None))


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, [{"id": "bitcoin"}], None),
        (200, {"gecko_says": "hello"}, None),
        (404, {"error": "coin not found"}, NotFound),
        (400, {"error": "Missing parameter vs_currency"}, BadRequest),
        (422, {"error": "Invalid days"}, BadRequest),
        (401, coingecko_status(10002, "API Key Missing"), KeyRejected),
        (400, coingecko_status(10010, "use the other host"), KeyRejected),
        (400, coingecko_status("10011", "use the other host"), KeyRejected),
        (403, coingecko_status(10005, "not on this plan"), PlanExcludes),
        (401, {"error": {"status": {"error_code": 10012, "error_message": "beyond"}}}, PlanExcludes),
        (401, {"error": {"status": {"error_message": "exceeds the allowed time range"}}}, PlanExcludes),
        (401, {"error": {"status": {"error_code": 10002, "error_message": "API Key Missing"}}}, KeyRejected),
        (401, {"error": "the past 365 days only"}, PlanExcludes),
        (429, coingecko_status(429, "You've exceeded the Rate Limit."), RateLimited),
        (429, {"error": "Throttled"}, RateLimited),
        (429, PAGE, RateLimited),
        (200, coingecko_status(429, "You've exceeded the Rate Limit."), RateLimited),
        (429, coingecko_status(429, "You have used all credits of this month"), QuotaSpent),
        (429, {"error": "Monthly call limit reached"}, QuotaSpent),
        (403, PAGE, NotJson),
        (408, {"error": "timeout"}, ProviderTimeout),
        (500, {"error": "oops"}, ProviderUnavailable),
        (503, PAGE, ProviderUnavailable),
        (200, {"error": "something"}, ProviderUnavailable),
    ],
)
def test_coingecko(status: int, body: object, expected: type[ProviderError] | None) -> None:
    assert type(error_of(judge_coingecko, status, body)) is (expected or type(None))


@pytest.mark.parametrize("status", [200, None])
@pytest.mark.parametrize(
    ("code", "usual_status", "expected"),
    [
        (1001, 401, KeyRejected),
        (1002, 401, KeyRejected),
        (1003, 402, PlanExcludes),
        (1004, 402, PlanExcludes),
        (1005, 403, KeyRejected),
        (1006, 403, PlanExcludes),
        (1007, 403, KeyRejected),
        (1008, 429, RateLimited),
        (1009, 429, QuotaSpent),
        (1010, 429, QuotaSpent),
        (1011, 429, RateLimited),
        (400, 400, BadRequest),
        (500, 500, ProviderUnavailable),
        ("1008", 429, RateLimited),
    ],
)
def test_coinmarketcap_code_decides_on_any_status(
    status: int | None, code: object, usual_status: int, expected: type[ProviderError]
) -> None:
    assert type(error_of(judge_coinmarketcap, status or usual_status, cmc(code, "no"))) is expected


def test_coinmarketcap_good_answers_tell_their_cost() -> None:
    verdict = judge_coinmarketcap(answer(200, cmc(0, None, credits=3, data=[])))
    assert (verdict.error, verdict.credits) == (None, 3)
    assert judge_coinmarketcap(answer(200, cmc("0", None, credits=1, data={}))).error is None


def test_coinmarketcap_refusals_tell_their_cost() -> None:
    assert judge_coinmarketcap(answer(400, cmc(400, "bad", credits=2))).credits == 2


def test_coinmarketcap_code_is_read_beside_a_value_that_is_not_json() -> None:
    body = b'{"status": {"error_code": 1008, "error_message": "slow down", "credit_count": 0}, "data": [NaN]}'
    assert type(error_of(judge_coinmarketcap, 200, body)) is RateLimited


def test_coinmarketcap_without_its_envelope_is_judged_by_status() -> None:
    assert type(error_of(judge_coinmarketcap, 502, PAGE)) is ProviderUnavailable
    assert type(error_of(judge_coinmarketcap, 404, {"statusCode": 404})) is NotFound


def test_quota_ends_with_its_period() -> None:
    daily = error_of(judge_coinmarketcap, 429, cmc(1009, "day"))
    monthly = error_of(judge_coinmarketcap, 429, cmc(1010, "month"))
    assert isinstance(daily, QuotaSpent)
    assert isinstance(monthly, QuotaSpent)
    assert daily.until == datetime(2027, 1, 1, tzinfo=UTC)
    assert monthly.until == datetime(2027, 1, 1, tzinfo=UTC)
    assert start_of_next_month(datetime(2026, 1, 31, 5, tzinfo=UTC)) == datetime(2026, 2, 1, tzinfo=UTC)


def test_retry_after_is_heard_on_a_refusal_only() -> None:
    header = {"retry-after": "17"}
    limited = error_of(judge_coingecko, 429, {"error": "Throttled"}, **header)
    assert isinstance(limited, RateLimited)
    assert limited.retry_after_seconds == 17.0
    assert error_of(judge_coingecko, 200, [], **header) is None


@pytest.mark.parametrize("judge", [judge_by_status, judge_coingecko, judge_coinmarketcap])
@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"3", b"\xff\xfe", b'{"status": 3}', b'{"error": null}', PAGE])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
def test_every_refusal_has_a_verdict_and_a_cure(judge: Judge, body: bytes, status: int) -> None:
    error = error_of(judge, status, body)
    assert isinstance(error, TransientError | PermanentError)
    assert error.cure
    assert (error.provider, error.endpoint, error.status) == ("p", "e", status)
