"""What the doctor says of partitions: those of today and tomorrow must be there before anybody writes to them."""

from __future__ import annotations

from datetime import UTC, datetime

from cryptoflow.ops.finding import Finding, ok, warning
from cryptoflow.ops.rows import require_answer
from cryptoflow.runtime.home import Endpoints
from cryptoflow.warehouse.ahead import missing_tomorrow


def look_at_partitions(endpoints: Endpoints | None) -> list[Finding]:
    """Missing ones are made by the write that needs them, which then takes longer."""
    if endpoints is None:
        return []
    require_answer(endpoints)
    missing = missing_tomorrow(endpoints.database_url, now=datetime.now(UTC))
    if not missing:
        return [ok("partitions", "those of today and tomorrow are there")]
    return [
        warning(
            "partitions",
            f"missing for today or tomorrow: {', '.join(missing)}",
            cure="The daily housekeeping makes them; run housekeeping_job in Dagster, or `cryptoflow migrate up`, now.",
        )
    ]
