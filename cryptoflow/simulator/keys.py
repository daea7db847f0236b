"""Which API keys the simulated providers take.

Usable is every `SIM-...`, every UUID and every `CG-...`; a word after `SIM-` names the plan: `SIM-DEMO-anything`.
What does not belong here: what a plan may do.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request

_USABLE = re.compile(r"SIM-.+|CG-\w+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_PLAN = re.compile(r"SIM-([A-Z]+)(-.*)?", re.IGNORECASE)


def is_usable_key(key: str) -> bool:
    """Whether the key has the form of a valid one."""
    return _USABLE.fullmatch(key) is not None


def plan_word(key: str) -> str | None:
    """The word after `SIM-` in lower case; None when the key has none."""
    match = _PLAN.fullmatch(key)
    return match.group(1).lower() if match else None


def masked(key: str) -> str:
    """A key as it may be shown: its first characters only."""
    return key if len(key) <= 8 else f"{key[:8]}..."


def address_of(request: Request) -> str:
    """The address that a provider counts by."""
    return request.client.host if request.client else "unknown"
