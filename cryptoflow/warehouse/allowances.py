"""What providers said of their keys: kept, and read.

What does not belong here: asking (collect), what follows for the plan (collect.planning).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from cryptoflow.sources.allowances import ToldAllowance
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.statements import statement
from cryptoflow.warehouse.storable import storable_text


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAllowance:
    """What is known of a provider's key: what was told last (None: nothing yet), and how the last asking ended."""

    provider: str
    account: str
    told: ToldAllowance | None
    attempted_at: datetime
    error: str | None


def kept_allowances(database_url: str) -> Mapping[str, KeptAllowance]:
    """By provider, what is kept."""
    with transaction(database_url) as connection:
        rows = connection.execute(statement("ops/select_allowances")).fetchall()
    return {row[0]: _kept(*row) for row in rows}


def keep_told(database_url: str, told: ToldAllowance) -> None:
    """Keep what a provider said, in place of what it said before."""
    with transaction(database_url) as connection:
        connection.execute(statement("ops/keep_allowance"), asdict(told))


def keep_failure(database_url: str, *, provider: str, account: str, attempted_at: datetime, error: str) -> None:
    """Keep that it was not told. What the same account told before stays."""
    values = {"provider": provider, "account": account, "attempted_at": attempted_at, "error": storable_text(error)}
    with transaction(database_url) as connection:
        connection.execute(statement("ops/keep_allowance_failure"), values)


def _kept(
    provider: str,
    account: str,
    calls_per_minute: int | None,
    units_per_period: int | None,
    units_per_day: int | None,
    used_units: int | None,
    resets_at: datetime | None,
    told_at: datetime | None,
    payload_sha256: bytes | None,
    attempted_at: datetime,
    error: str | None,
) -> KeptAllowance:
    told = None
    if told_at is not None and payload_sha256 is not None:
        told = ToldAllowance(
            provider=provider,
            account=account,
            calls_per_minute=calls_per_minute,
            units_per_period=units_per_period,
            units_per_day=units_per_day,
            used_units=used_units,
            resets_at=resets_at,
            told_at=told_at,
            payload_sha256=payload_sha256,
        )
    return KeptAllowance(provider=provider, account=account, told=told, attempted_at=attempted_at, error=error)
