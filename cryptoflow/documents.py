"""The documents that follow from the code: the page of tables from the contracts, `.env.example` from the settings.

They are rendered, never edited; a test proves that the files in the repository are what is rendered here.
"""

from __future__ import annotations

import textwrap
from typing import Any

import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.dialects import postgresql

from cryptoflow.contracts import contract_of, contracts
from cryptoflow.contracts.contract import SCHEMAS
from cryptoflow.settings import ENV_PREFIX, Settings
from cryptoflow.warehouse.policies import Policy, policies

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def documents() -> dict[str, str]:
    """Path in the repository -> text."""
    return {
        "docs/tables.md": tables_page(),
        "docs/retention.md": retention_page(),
        ".env.example": env_example(),
    }


def tables_page() -> str:
    """Every table, with every column."""
    parts = [
        "# Tables",
        "Rendered from `cryptoflow/contracts` by `make docs`; do not edit. The same words are in the database itself "
        "(`\\d+ market.assets` in psql) and on the assets in Dagster.",
    ]
    tables = sorted(contracts(), key=lambda table: (list(SCHEMAS).index(str(table.schema)), table.name))
    shown = None
    for table in tables:
        if table.schema != shown:
            shown = table.schema
            parts += [f"## {shown}", SCHEMAS[str(shown)]]
        parts.append(_table_section(table))
    return "\n\n".join(parts) + "\n"


def _table_section(table: sa.Table) -> str:
    contract = contract_of(table)
    facts = [
        f"One row per {contract.one_row_per}",
        f"clock: `{contract.clock}`" if contract.clock else None,
        f"cadence: {contract.cadence.value}" if contract.cadence else None,
        f"kept {contract.retention}",
        f"owner: {contract.owner}",
    ]
    lines = [
        f"### {table.schema}.{table.name}",
        "",
        contract.description,
        "; ".join(fact for fact in facts if fact) + ".",
        "",
        "| column | type | may be NULL | meaning |",
        "|---|---|---|---|",
        *(_column_line(column) for column in table.columns),
    ]
    return "\n".join(lines)


def _column_line(column: sa.Column[Any]) -> str:
    kind = column.type.compile(dialect=_DIALECT).lower()
    unit = f" Unit: {column.info['unit']}." if column.info.get("unit") else ""
    choices = f" One of: {', '.join(column.info['one_of'])}." if column.info.get("one_of") else ""
    key = " (key)" if column.primary_key else ""
    return f"| `{column.name}`{key} | {kind} | {'yes' if column.nullable else 'no'} | {column.comment}{unit}{choices} |"


def retention_page() -> str:
    """How long every table keeps its rows, and what becomes of them."""
    lines = [
        "# What is kept, and how long",
        "",
        "Rendered from `cryptoflow/contracts` by `make docs`; do not edit. `analytics.retention_policy` says the same "
        "in SQL. [Operating](operating.md#what-goes-and-when) says how days go and how they come back.",
        "",
        "| table | kept | by its | before it goes | goes by |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *(_policy_line(policy) for policy in policies())]) + "\n"


def _policy_line(policy: Policy) -> str:
    days = "for ever" if policy["days_kept"] is None else f"{policy['days_kept']} days"
    setting = f" (setting `{policy['setting']}`)" if policy["setting"] else ""
    clock = f"`{policy['clock']}`" if policy["clock"] and policy["days_kept"] else ""
    archived = "archived as Parquet" if policy["is_archived"] else ""
    return f"| `{policy['table_name']}` | {days}{setting} | {clock} | {archived} | {policy['drop_unit'] or ''} |"


def env_example() -> str:
    """Every setting with its meaning; all commented out, so that the copy changes nothing until it is edited."""
    lines = [
        "# Settings of cryptoflow. Copy to .env in the folder where cryptoflow runs, and edit what you need.",
        "# The process environment wins over .env; `cryptoflow config` shows what is in force and where it came from.",
    ]
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else field.default
        secret = SecretStr in getattr(field.annotation, "__args__", ())
        lines.append("")
        lines += textwrap.wrap(str(field.description), width=110, initial_indent="# ", subsequent_indent="# ")
        lines += ["# A secret: it is never printed."] if secret else []
        lines.append(f"# {ENV_PREFIX}{name.upper()}={default}")
    return "\n".join(lines) + "\n"
