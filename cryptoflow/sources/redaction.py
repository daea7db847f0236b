"""The one place that keeps keys out of URLs, parameters, headers, bodies, errors and logs.

A `Redactor` knows the secrets of one provider and also the names under which secrets usually travel.
What does not belong here: where secrets come from (settings.py).
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, quote_plus

MASK = "[redacted]"

_SECRET_NAMES = re.compile(
    r"api[-_]?key|^key$|token|secret|passw|authorization|^cookie$|^set-cookie$|signature|x_cg_(demo|pro)", re.IGNORECASE
)
_QUERY_PAIR = re.compile(r"([?&])([^=&#\s]+)=([^&#\s]*)")
_USER_INFO = re.compile(r"(?<=://)[^/@\s]+@")
_HTTP_LOGGERS = (
    "httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy", "httpcore.socks",
)  # fmt: skip


def is_secret_name(name: str) -> bool:
    """Whether a parameter or header of this name carries a secret."""
    return _SECRET_NAMES.search(name) is not None


class Redactor:
    """Removes secrets, in every spelling in which they can travel, from text and bytes."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        spellings: set[str] = set()
        for secret in secrets:
            if secret:
                spellings |= {
                    secret,
                    quote(secret, safe=""),
                    quote(secret),
                    quote_plus(secret),
                    json.dumps(secret)[1:-1],
                }
        # Longest first: a short spelling must not break up a longer one.
        ordered = sorted(spellings, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered)), re.IGNORECASE) if ordered else None
        self._pattern_bytes = (
            re.compile(b"|".join(re.escape(text.encode()) for text in ordered), re.IGNORECASE) if ordered else None
        )

    def __repr__(self) -> str:
        return "Redactor(...)"

    def text(self, text: str) -> str:
        """The text without known secrets, values of secret-named query parameters, and user info of URLs."""
        if self._pattern is not None:
            text = self._pattern.sub(MASK, text)
        text = _USER_INFO.sub(f"{MASK}@", text)
        return _QUERY_PAIR.sub(_mask_pair, text)

    def body(self, body: bytes) -> bytes:
        """The bytes without known secrets; the same object when there are none."""
        if self._pattern_bytes is None or self._pattern_bytes.search(body) is None:
            return body
        return self._pattern_bytes.sub(MASK.encode(), body)

    def mapping(self, values: Mapping[str, object]) -> dict[str, object]:
        """Parameters or headers without secrets. A secret name is masked whatever it holds."""
        return {
            name: MASK if is_secret_name(name) else self.text(value) if isinstance(value, str) else value
            for name, value in values.items()
        }


def _mask_pair(match: re.Match[str]) -> str:
    lead, name, value = match.groups()
    return f"{lead}{name}={MASK if is_secret_name(name) else value}"


class _RedactingFilter(logging.Filter):
    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._redactor.text(record.getMessage()), None
        return True


class GuardedLogs:
    """While entered, what the HTTP library logs (full URLs at INFO, headers at DEBUG) passes through the redactor."""

    def __init__(self, redactor: Redactor) -> None:
        self._filter = _RedactingFilter(redactor)

    def __enter__(self) -> None:
        for name in _HTTP_LOGGERS:
            logging.getLogger(name).addFilter(self._filter)

    def __exit__(self, *_: object) -> None:
        for name in _HTTP_LOGGERS:
            logging.getLogger(name).removeFilter(self._filter)
