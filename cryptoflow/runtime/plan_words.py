"""The collection plan as `cryptoflow up` tells it, before the first call is made.

What does not belong here: making the plan (collect.planning).
"""

from __future__ import annotations

from datetime import UTC, datetime

from cryptoflow.errors import CryptoflowError
from cryptoflow.settings import Settings


def plan_text(settings: Settings, *, database_url: str, redis_url: str | None, simulator_url: str | None) -> str:
    """The plan in force in sentences; why it cannot be told, when it cannot."""
    from cryptoflow.collect.planning import current_plan
    from cryptoflow.warehouse.pool import close_pools

    told = settings.model_copy(update={"simulator_url": simulator_url})
    try:
        in_force = current_plan(told, database_url, redis_url, now=datetime.now(UTC))
    except CryptoflowError as error:
        return f"The collection plan cannot be told yet: {error.what} `cryptoflow quota` tells it."
    finally:
        # Whoever asks here asks once: no connection is left to a server that may be stopped next.
        close_pools()
    lines = ["The collection plan (`cryptoflow quota` tells it at any time):"]
    return "\n".join([*lines, *(f"  - {sentence}" for sentence in in_force.words)])
