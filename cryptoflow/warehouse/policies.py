"""How long each table keeps its rows, as its contract says: for documents, and for who asks in SQL.

What does not belong here: letting go (retention, forgetting).
"""

from __future__ import annotations

import sqlalchemy as sa

from cryptoflow.contracts import contract_of, contracts
from cryptoflow.contracts.keeping import retention_policies

Policy = dict[str, str | int | bool | None]


def policies() -> list[Policy]:
    """A row of ops.retention_policies for every table, by name."""
    return sorted((_policy(table) for table in contracts()), key=_name)


def record_policies(connection: sa.Connection) -> None:
    """Bring ops.retention_policies to the contracts of the tables that are there, as far as migrations have come."""
    there = set(connection.scalars(sa.text("SELECT schemaname || '.' || tablename FROM pg_tables")))
    if str(retention_policies) not in there:
        return
    wanted = [policy for policy in policies() if policy["table_name"] in there]
    known = [retention_policies.c[name] for name in wanted[0]]
    told = [dict(row) for row in connection.execute(sa.select(*known)).mappings()]
    if sorted(told, key=_name) != wanted:
        connection.execute(sa.delete(retention_policies))
        connection.execute(sa.insert(retention_policies), wanted)


def _policy(table: sa.Table) -> Policy:
    contract = contract_of(table)
    retention = contract.retention
    return {
        "table_name": str(table),
        "clock": contract.clock,
        "days_kept": retention.days,
        "setting": retention.setting,
        "is_archived": retention.archive,
        "drop_unit": None if retention.days is None else contract.partition or "row",
    }


def _name(policy: Policy) -> str:
    return str(policy["table_name"])
