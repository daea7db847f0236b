"""What the providers were asked: one line per call, and the daily sums that quotas are reckoned by.

This is the PostgreSQL side of `sources.ledger.CallLedger`. What does not belong here: whether a call may be made.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from cryptoflow.sources.ledger import ProviderCall, Usage
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.statements import statement
from cryptoflow.warehouse.storable import storable_json, storable_text


@dataclass(frozen=True, slots=True)
class PostgresLedger:
    """Keeps calls in `raw.fetches` and their sums in `ops.api_usage_stats`, in one transaction."""

    database_url: str

    def record_call(self, call: ProviderCall) -> None:
        """Keep the call and count it."""
        values = asdict(call) | {
            "params": storable_json(call.params),
            "error": storable_text(call.error) if call.error else None,
        }
        with transaction(self.database_url) as connection:
            connection.execute(statement("raw/record_fetch"), values)
            connection.execute(statement("ops/count_call"), values)
            # A statement of its own: the row is locked by now, so it sees the calls of every other writer.
            connection.execute(statement("ops/update_peak"), values)

    def used(self, provider: str, *, since: datetime) -> Usage:
        """Calls and credits since the UTC day of the instant."""
        day = since.astimezone(UTC).date()
        with transaction(self.database_url) as connection:
            row = connection.execute(statement("ops/sum_usage"), {"provider": provider, "since": day}).fetchone()
        assert row is not None
        return Usage(calls=row[0], credits=row[1], from_reserve=row[2])


def used_since(database_url: str, provider: str, *, since: datetime) -> Usage:
    """Calls and credits since the very instant, as far back as single calls are kept."""
    with transaction(database_url) as connection:
        row = connection.execute(statement("raw/sum_usage_since"), {"provider": provider, "since": since}).fetchone()
    assert row is not None
    return Usage(calls=row[0], credits=row[1])
