"""The words in which contracts are written: `column`, `table`, and the record that a table carries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, Literal

import sqlalchemy as sa
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeEngine

from cryptoflow.cadence import Grain

# Names of constraints and indexes are part of the schema: the same rule names them in contracts and migrations.
METADATA: Final = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

SCHEMAS: Final = {
    "raw": "What the world answered, byte for byte, and when.",
    "market": "Assets and their identity, prices, closes, velocity.",
    "candles": "Exchange symbols, trades and candles.",
    "onchain": "Figures of networks and protocols.",
    "sentiment": "Community counts and moods.",
    "news": "Articles and stories.",
    "forecast": "Forecasts and their scores.",
    "ops": "How the platform itself is doing.",
    "auth": "Who may ask, and how much.",
    "analytics": "Documented views for readers, among them every table under its customary name.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long rows stay after their clock. `days` None: for ever. `setting` names what overrides `days`.

    `archive`: before rows go, they are written to Parquet. `stays_while` says what keeps a row beyond its days, and
    `stays_where` the same as SQL over the table's own name.
    """

    days: int | None
    setting: str | None = None
    archive: bool = False
    stays_while: str | None = None
    stays_where: str | None = None

    def __str__(self) -> str:
        if self.days is None:
            return "for ever"
        setting = f" (setting `{self.setting}`)" if self.setting else ""
        longer = f", longer while {self.stays_while}" if self.stays_while else ""
        return f"{self.days} days{setting}{longer}" + (", then archived as Parquet" if self.archive else "")


FOR_EVER: Final = Retention(days=None)
# Percent of a page that is filled where room is left for updates.
FILL_WITH_ROOM: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What a table promises beyond its columns."""

    description: str
    one_row_per: str
    clock: str | None
    cadence: Grain | None
    retention: Retention
    owner: str
    partition: Literal["hour", "day", "month", "year"] | None = None
    """How much of the clock one partition holds; None: not partitioned."""
    room_for_updates: bool = False
    """Few rows are added and each is rewritten many times: pages are left half empty, so that new versions fit in."""
    believed: tuple[str, ...] = ()
    """Of two versions of a row the one in which these count more stays, whichever came first: SQL terms over `{row}`,
    first the one that matters most. Empty: the later delivery counts."""


def column(
    name: str,
    kind: TypeEngine[Any],
    comment: str,
    *items: SchemaItem,
    unit: str | None = None,
    above: int | Decimal | None = None,
    minimum: int | Decimal | None = None,
    maximum: int | Decimal | None = None,
    one_of: Iterable[str] | None = None,
    nullable: bool = False,
    **options: Any,
) -> sa.Column[Any]:
    """A column with its meaning. Bounds and choices also become CHECK constraints (see `table`)."""
    info = {
        "unit": unit,
        "above": above,
        "minimum": minimum,
        "maximum": maximum,
        "one_of": tuple(one_of) if one_of else None,
    }
    return sa.Column(name, kind, *items, comment=comment, info=info, nullable=nullable, **options)


def table(name: str, contract: Contract, *items: SchemaItem, schema: str) -> sa.Table:
    """Register a contract. Each bounded column gets its CHECK constraint, named after the column."""
    columns = [item for item in items if isinstance(item, sa.Column)]
    checks = [sa.CheckConstraint(rule, name=column.name) for column in columns if (rule := hard_rule(column))]
    options: dict[str, Any] = {"postgresql_partition_by": f"RANGE ({contract.clock})"} if contract.partition else {}
    if contract.room_for_updates and not contract.partition:
        options = {"postgresql_with": {"fillfactor": FILL_WITH_ROOM}}
    return sa.Table(
        name,
        METADATA,
        *items,
        *checks,
        schema=schema,
        comment=contract.description,
        info={"contract": contract},
        **options,
    )


def revisions_of(facts: sa.Table) -> sa.Table:
    """The table that keeps what rows of a fact table said before they were changed, from when to when."""
    contract = contract_of(facts)
    key = [column.name for column in facts.primary_key]
    kept = [
        sa.Column(column.name, column.type, comment=column.comment, info=_unbounded(column), nullable=column.nullable)
        for column in facts.columns
        if column.computed is None
    ]
    return sa.Table(
        f"{facts.name}_revisions",
        METADATA,
        *kept,
        column("superseded_at", sa.DateTime(timezone=True), "When the row was changed: it was believed until then."),
        sa.PrimaryKeyConstraint(*key, "superseded_at"),
        schema=facts.schema,
        comment=f"What {facts.schema}.{facts.name} said, once final, before it was changed.",
        info={
            "contract": replace(
                contract,
                description=f"What {facts.schema}.{facts.name} said, once final, before it was changed.",
                one_row_per=f"superseded version of a row of {facts.schema}.{facts.name}",
                clock="superseded_at",
                retention=FOR_EVER,
                partition=None,
                room_for_updates=False,
            )
        },
    )


def revisions_table(facts: sa.Table) -> sa.Table:
    """The table that `revisions_of` made for a fact table."""
    return METADATA.tables[f"{facts.schema}.{facts.name}_revisions"]


def _unbounded(column: sa.Column[Any]) -> dict[str, Any]:
    """The column's info without bounds: what is kept of a row was checked when the row was written."""
    return dict.fromkeys(column.info) | {"unit": column.info["unit"]}


def hard_rule(column: sa.Column[Any]) -> str | None:
    """What every value of the column must satisfy, as SQL; None when anything goes."""
    floor, low, high, choices = (column.info[key] for key in ("above", "minimum", "maximum", "one_of"))
    parts = []
    if floor is not None:
        parts.append(f"{column.name} > {floor}")
    if low is not None:
        parts.append(f"{column.name} >= {low}")
    if high is not None:
        parts.append(f"{column.name} <= {high}")
    if choices:
        quoted = ", ".join(f"'{choice}'" for choice in choices)
        parts.append(f"{column.name} IN ({quoted})")
    return " AND ".join(parts) or None


def whole_row_rules(table: sa.Table) -> dict[str, str]:
    """What every row must satisfy as a whole, by the name of the rule: the CHECKs that are of no single column."""
    checks = {
        str(check.name).removeprefix(f"ck_{table.name}_"): str(check.sqltext)
        for check in table.constraints
        if isinstance(check, sa.CheckConstraint)
    }
    return {name: checks[name] for name in sorted(checks) if name not in table.columns}


def contract_of(table: sa.Table) -> Contract:
    """The contract that a table carries."""
    contract = table.info["contract"]
    assert isinstance(contract, Contract)
    return contract


def contracts() -> list[sa.Table]:
    """Every contracted table, parents before children."""
    return list(METADATA.sorted_tables)
