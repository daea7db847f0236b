"""The root of every error that a person or a scheduler may meet.

    CryptoflowError            what happened, to what, and what to do
    |- TransientError          may pass by itself: retrying is right
    '- PermanentError          retrying cannot clear it: a person or a change must
       '- UsageError           the caller asked for something that cannot be

Families of one subject (the providers' errors, the database's) derive from these two verdicts in their
own package. What does not belong here: messages to a terminal, exit codes of single commands, retries.
"""

from __future__ import annotations


class CryptoflowError(Exception):
    """An error with a cure. `what` names the event and its object, `cure` the next step for the reader."""

    retryable: bool = False

    def __init__(self, what: str, *, cure: str) -> None:
        super().__init__(what)
        self.what = what
        self.cure = cure

    def __str__(self) -> str:
        return f"{self.what} {self.cure}"


class TransientError(CryptoflowError):
    """May pass by itself; every retry mechanism may try again within its bounds."""

    retryable = True


class PermanentError(CryptoflowError):
    """Cannot be cleared by retrying; every retry mechanism must stay silent."""


class UsageError(PermanentError):
    """The caller's words or settings are off."""
