"""What an answer means: good, or which error of the tree. One judge per provider, because they say it differently.

A judge sees status, headers and body (already without secrets) and returns the error, if any, and what the call cost
where the provider says so. It never raises and never retries. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from cryptoflow.sources.errors import (
    Asked,
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
from cryptoflow.sources.retry_after import retry_after_seconds

_EXCERPT_CHARACTERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One HTTP answer, whole. Header names are lower case."""

    provider: str
    endpoint: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime
    quota_resets_at: datetime | None = None
    """When the provider's monthly quota begins anew, where that is known; None: with the calendar month."""

    @property
    def month_ends_at(self) -> datetime:
        """When a monthly quota that is spent begins anew."""
        return self.quota_resets_at or start_of_next_month(self.received_at)

    @property
    def asked(self) -> Asked:
        """What the answer answers, for errors."""
        return Asked(provider=self.provider, endpoint=self.endpoint, status=self.status)

    @property
    def retry_after_seconds(self) -> float | None:
        """The clamped Retry-After where it counts."""
        return retry_after_seconds(self.headers.get("retry-after"), status=self.status, now=self.received_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The error that the answer is (None: a good answer) and its cost (None: the provider does not say)."""

    error: ProviderError | None = None
    credits: int | None = None


Judge = Callable[[Answer], Verdict]


def is_markup(answer: Answer) -> bool:
    """Whether a page came instead of data. Looks at the body; the content type is often wrong."""
    return answer.body[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def start_of_next_day(instant: datetime) -> datetime:
    """The next 00:00 UTC."""
    today = instant.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today + timedelta(days=1)


def start_of_next_month(instant: datetime) -> datetime:
    """The next first of a month, 00:00 UTC."""
    first = instant.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)


def judge_by_status(answer: Answer) -> Verdict:
    """The verdict for a provider that says everything by HTTP status."""
    return Verdict(error=error_of_status(answer, said=excerpt(answer)))


def error_of_status(answer: Answer, *, said: str) -> ProviderError | None:
    """The error that the HTTP status alone stands for."""
    status = answer.status
    if status < 300 or status == 304:
        return None
    asked = answer.asked
    if status in (418, 429):
        return RateLimited(said, asked=asked, retry_after_seconds=answer.retry_after_seconds)
    if status >= 500:
        return ProviderUnavailable(said, asked=asked, retry_after_seconds=answer.retry_after_seconds)
    if status in (408, 425):
        return ProviderTimeout(said, asked=asked)
    if status == 403 and is_markup(answer):
        return NotJson(said, asked=asked)
    if status < 400:
        target = answer.headers.get("location", "an address that it does not name")
        return NotFound(f"moved to {target}", asked=asked, cure="Correct the provider's base URL.")
    return _PERMANENT_BY_STATUS.get(status, BadRequest)(said, asked=asked)


_PERMANENT_BY_STATUS: dict[int, type[KeyRejected | PlanExcludes | NotFound]] = {
    401: KeyRejected,
    402: PlanExcludes,
    403: PlanExcludes,
    404: NotFound,
    410: NotFound,
    451: PlanExcludes,
}


def excerpt(answer: Answer) -> str:
    """The beginning of the body on one line; for a page, that it is one."""
    if is_markup(answer):
        return "a page came instead of data."
    text = " ".join(answer.body[: 4 * _EXCERPT_CHARACTERS].decode("utf-8", "replace").split())
    return f"{text[:_EXCERPT_CHARACTERS]!r}." if text else "an answer without content."


# CoinGecko: {"error": "..."}, {"status": {"error_code": ..., "error_message": ...}} or {"error": {"status": {...}}}.

_COINGECKO_LARGEST_ERROR_BYTES = 4096
_COINGECKO_KEY_CODES = frozenset({10002, 10010, 10011})
_COINGECKO_PLAN_CODES = frozenset({10005, 10006, 10012})
_SPAN_EXCLUDED = re.compile(r"allowed time range|exceeds? .*time range|past 365 days", re.IGNORECASE)
_MONTH_SPENT = re.compile(
    r"month(ly)?\b.*\b(limit|quota|credit|cap|usage)|(limit|quota|credits?|cap)\b.*\bmonth", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class _Said:
    code: int | None
    message: str


def judge_coingecko(answer: Answer) -> Verdict:
    """CoinGecko's verdict. Its own code, where there is one, says more than the status."""
    said = _coingecko_said(answer)
    if said is None:
        return judge_by_status(answer)
    asked = answer.asked
    status, text = answer.status, f"{said.message!r}."
    if said.code in _COINGECKO_KEY_CODES:
        return Verdict(error=KeyRejected(text, asked=asked, cure=_COINGECKO_KEY_CURE))
    if said.code in _COINGECKO_PLAN_CODES or _SPAN_EXCLUDED.search(said.message):
        return Verdict(error=PlanExcludes(text, asked=asked))
    if 429 in (status, said.code):
        if _MONTH_SPENT.search(said.message):
            return Verdict(error=QuotaSpent(text, asked=asked, until=answer.month_ends_at))
        return Verdict(error=RateLimited(text, asked=asked, retry_after_seconds=answer.retry_after_seconds))
    if status < 400:
        error_type = ProviderUnavailable if said.code is None or said.code >= 500 else BadRequest
        return Verdict(error=error_type(text, asked=asked))
    return Verdict(error=error_of_status(answer, said=text))


_COINGECKO_KEY_CURE = (
    "Set CRYPTOFLOW_COINGECKO_API_KEY and CRYPTOFLOW_COINGECKO_PLAN together: a demo key fits only the plan `demo`, "
    "a pro key only `pro`."
)


def _coingecko_said(answer: Answer) -> _Said | None:
    if answer.status < 400 and len(answer.body) > _COINGECKO_LARGEST_ERROR_BYTES:
        return None
    body = _object(answer.body)
    error = body.get("error")
    status = _mapping(error).get("status") or body.get("status")
    if isinstance(status, dict) and ("error_code" in status or "error_message" in status):
        return _Said(_whole(status.get("error_code")), str(status.get("error_message") or "no message"))
    if isinstance(error, dict):
        return _Said(_whole(error.get("code")), str(error.get("message") or error))
    return _Said(None, error) if isinstance(error, str) else None


# CoinMarketCap: {"status": {"error_code": ...}} on any HTTP status, 200 too; data only when the code is 0.

_COINMARKETCAP_KEY_CODES = frozenset({1001, 1002, 1005, 1007})
_COINMARKETCAP_PLAN_CODES = frozenset({1003, 1004, 1006})
_COINMARKETCAP_RATE_CODES = frozenset({1008, 1011})
_COINMARKETCAP_KEY_CURE = "Set a valid CRYPTOFLOW_COINMARKETCAP_API_KEY."


class _CmcStatus(msgspec.Struct):
    error_code: int | str | None = 0
    error_message: str | None = None
    credit_count: int | None = None


class _CmcEnvelope(msgspec.Struct):
    status: _CmcStatus | None = None


def judge_coinmarketcap(answer: Answer) -> Verdict:
    """CoinMarketCap's verdict: by its error code, whatever the HTTP status; by the status when there is no code."""
    said = _cmc_status(answer.body)
    if said is None:
        return judge_by_status(answer)
    code = _whole(said.error_code) or 0
    credits = said.credit_count
    if code == 0 and answer.status < 400:
        return Verdict(credits=credits)
    error = _cmc_error(answer, code=code, text=f"{said.error_message or 'no message'!r} (code {code}).")
    return Verdict(error=error, credits=credits)


def _cmc_error(answer: Answer, *, code: int, text: str) -> ProviderError | None:
    asked = answer.asked
    status = answer.status
    if code in _COINMARKETCAP_RATE_CODES:
        return RateLimited(text, asked=asked, retry_after_seconds=answer.retry_after_seconds)
    if code == 1009:
        return QuotaSpent(text, asked=asked, until=start_of_next_day(answer.received_at))
    if code == 1010:
        return QuotaSpent(text, asked=asked, until=answer.month_ends_at)
    if code in _COINMARKETCAP_KEY_CODES:
        return KeyRejected(text, asked=asked, cure=_COINMARKETCAP_KEY_CURE)
    if code in _COINMARKETCAP_PLAN_CODES:
        return PlanExcludes(text, asked=asked)
    if status >= 400:
        return error_of_status(answer, said=text)
    if 500 <= code < 600:
        return ProviderUnavailable(text, asked=asked)
    return BadRequest(text, asked=asked)


def _cmc_status(body: bytes) -> _CmcStatus | None:
    try:
        return msgspec.json.decode(body, type=_CmcEnvelope).status
    except msgspec.DecodeError:
        # NaN somewhere in the data makes the strict reader give up on the whole; the status is small and plain.
        found = _CMC_STATUS_TEXT.search(body)
    if found is None:
        return None
    try:
        return msgspec.json.decode(found.group(1), type=_CmcStatus)
    except msgspec.DecodeError:
        return None


_CMC_STATUS_TEXT = re.compile(rb'"status"\s*:\s*(\{[^{}]*"error_code"[^{}]*\})')


# Binance: {"code": -1121, "msg": "Invalid symbol."}; 429 asks to wait, 418 is the ban of who did not.

_BINANCE_UNKNOWN_SYMBOL = -1121
_BINANCE_RATE_CODES = frozenset({-1003, -1015})
_BINANCE_BUSY_CODES = frozenset({-1000, -1001, -1006, -1007, -1008})


def judge_binance(answer: Answer) -> Verdict:
    """Binance's verdict: by its code where there is one, else by the status."""
    if answer.status < 400:
        return judge_by_status(answer)
    said = _object(answer.body)
    code = _whole(said.get("code"))
    if code is None:
        return judge_by_status(answer)
    text = f"{said.get('msg') or 'no message'!r} (code {code})."
    if answer.status in (418, 429) or code in _BINANCE_RATE_CODES:
        return Verdict(
            error=RateLimited(text, asked=answer.asked, retry_after_seconds=answer.retry_after_seconds),
        )
    if code == _BINANCE_UNKNOWN_SYMBOL:
        return Verdict(error=NotFound(text, asked=answer.asked))
    if code in _BINANCE_BUSY_CODES:
        return Verdict(
            error=ProviderUnavailable(text, asked=answer.asked, retry_after_seconds=answer.retry_after_seconds)
        )
    return Verdict(error=error_of_status(answer, said=text))


def _object(body: bytes) -> dict[str, object]:
    try:
        return _mapping(msgspec.json.decode(body))
    except msgspec.DecodeError:
        return {}


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _whole(value: object) -> int | None:
    try:
        return int(value)  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError):
        return None
