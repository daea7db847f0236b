"""Everything that can go wrong when a provider is asked, each with its verdict and its cure.

    TransientError
    '- TransientProviderError    may pass by itself
       |- ProviderTimeout        no answer, or not all of it, in time
       |- ProviderUnreachable    no connection, or closed before an answer began
       |- ProviderUnavailable    the provider says that it is in trouble (5xx)
       |- RateLimited            too many calls
       |- BodyCut                the answer broke off
       |- NotJson                a page or other text where JSON was due (a proxy, a firewall, a maintenance page)
       '- CircuitOpen            not asked: the provider failed too often just now
    PermanentError
    '- PermanentProviderError    retrying cannot clear it
       |- BadRequest             the provider refuses the parameters
       |- KeyRejected            the key is missing, wrong, disabled, or of another plan's host
       |- PlanExcludes           the key is good, its plan lacks this
       |- QuotaSpent             the period's calls or credits are used up; carries `until`
       |- NotFound               the provider does not know what was asked for
       |- UnexpectedShape        valid JSON of another shape than documented
       |- ChecksumWrong          a file is not what its checksum says, on two downloads
       '- BodyTooLarge           larger than the agreed cap

`NotJson` is transient because it is nearly always something between us and the provider, seldom the provider itself.
What does not belong here: deciding which of them an answer is (verdicts.py), and whether to retry (http.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptoflow.errors import CryptoflowError, PermanentError, TransientError


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who was asked for what; `status` is the HTTP status when there was an answer."""

    provider: str
    endpoint: str
    status: int | None = None

    def __str__(self) -> str:
        return f"{self.provider} {self.endpoint}" + ("" if self.status is None else f" (HTTP {self.status})")


class ProviderError(CryptoflowError):
    """Asking a provider failed."""

    default_cure = "Look at the provider's status page."

    def __init__(self, what: str, *, asked: Asked, cure: str | None = None) -> None:
        super().__init__(f"{asked}: {what}", cure=cure or self.default_cure)
        self.asked = asked

    @property
    def provider(self) -> str:
        """Who was asked."""
        return self.asked.provider

    @property
    def endpoint(self) -> str:
        """For what."""
        return self.asked.endpoint

    @property
    def status(self) -> int | None:
        """The HTTP status, when there was an answer."""
        return self.asked.status


class TransientProviderError(ProviderError, TransientError):
    """May pass by itself. `retry_after_seconds` is how long to wait, None when nobody said."""

    default_cure = "It is retried by itself; look at the provider's status page if it stays."

    def __init__(
        self, what: str, *, asked: Asked, cure: str | None = None, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(what, asked=asked, cure=cure)
        self.retry_after_seconds = retry_after_seconds


class PermanentProviderError(ProviderError, PermanentError):
    """Retrying cannot clear it."""


class ProviderTimeout(TransientProviderError):
    """No answer, or not all of it, in time."""


class ProviderUnreachable(TransientProviderError):
    """No connection, or closed before an answer began."""

    default_cure = "It is retried by itself; if it stays, check this machine's network, DNS and proxy."


class ProviderUnavailable(TransientProviderError):
    """The provider says that it is in trouble."""


class RateLimited(TransientProviderError):
    """Too many calls."""

    default_cure = "It is retried when the limit allows; lower the calls per minute in the settings if it stays."


class BodyCut(TransientProviderError):
    """The answer broke off."""


class NotJson(TransientProviderError):
    """A page or other text where JSON was due."""

    default_cure = "It is retried by itself; if it stays, a firewall or proxy answers in the provider's place."


class CircuitOpen(TransientProviderError):
    """Not asked, because the provider failed too often just now. `until` is when the next probe goes out."""

    def __init__(self, what: str, *, asked: Asked, until: datetime) -> None:
        cure = f"The next probe goes out at {_stamp(until)}; `cryptoflow doctor` shows the circuit."
        super().__init__(what, asked=asked, cure=cure)
        self.until = until


class BadRequest(PermanentProviderError):
    """The provider refuses the parameters."""

    default_cure = "Correct the parameters; the provider's own words are above."


class KeyRejected(PermanentProviderError):
    """The key is missing, wrong, disabled, or of another plan's host."""

    default_cure = "Set a valid API key for the plan in the settings; `cryptoflow config` shows what is in force."


class PlanExcludes(PermanentProviderError):
    """The key is good; its plan lacks this endpoint, interval or span."""

    default_cure = "Ask for what the plan covers, or use a key of a larger plan."


class QuotaSpent(PermanentProviderError):
    """The period's calls or credits are used up until `until`."""

    def __init__(self, what: str, *, asked: Asked, until: datetime) -> None:
        cure = (
            f"Nothing is asked before {_stamp(until)}. Use a larger plan, or correct the monthly quota in the settings "
            "if the plan allows more."
        )
        super().__init__(what, asked=asked, cure=cure)
        self.until = until


class NotFound(PermanentProviderError):
    """The provider does not know what was asked for."""

    default_cure = "Check the id; it may have been renamed or delisted."


class UnexpectedShape(PermanentProviderError):
    """Valid JSON of another shape. `path` is where, `expected` what was due, `payload_sha256` which answer."""

    default_cure = "The provider changed its answer: compare it with raw.payloads and adapt the decoder."

    def __init__(self, *, asked: Asked, path: str, expected: str, payload_sha256: bytes) -> None:
        super().__init__(f"at `{path}` of the answer {payload_sha256.hex()}: {expected}.", asked=asked)
        self.path = path
        self.expected = expected
        self.payload_sha256 = payload_sha256


class ChecksumWrong(PermanentProviderError):
    """A file is not what its checksum says, on two downloads."""

    default_cure = "Nothing of it was stored. Ask again later: the provider may be replacing the file just now."


class BodyTooLarge(PermanentProviderError):
    """Larger than the agreed cap."""

    default_cure = "Ask for less per call, or raise CRYPTOFLOW_HTTP_MAX_BODY_MEBIBYTES if the size is right."


def _stamp(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
