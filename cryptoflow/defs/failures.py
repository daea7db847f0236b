"""From our errors to Dagster's: a permanent error must silence every retry, a transient one must not.

Dagster retries in three places that do not know of each other: the op's retry policy, the run's retries, and
automation. `Failure(allow_retries=False)` silences the first; the second is off for failures inside steps
(dagster.yaml); the sensors of this project look at the last failure themselves before they ask again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from cryptoflow.errors import CryptoflowError

# Spread out, so that assets which failed together do not come back together.
RETRIES = dg.RetryPolicy(max_retries=3, delay=20, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)


@contextmanager
def told_to_dagster() -> Iterator[None]:
    """Raise our errors as Dagster's Failure with the cure in its metadata."""
    try:
        yield
    except CryptoflowError as error:
        raise dg.Failure(
            description=str(error),
            metadata={
                "what": error.what,
                "cure": error.cure,
                "verdict": "transient" if error.retryable else "permanent",
            },
            allow_retries=error.retryable,
        ) from error
