"""The words in which expectations are written: what must hold of a table, how grave it is, of which check it is part.

They are plain records that know nothing of Great Expectations. What does not belong here: rules of any one table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final, Literal

import sqlalchemy as sa

Severity = Literal["error", "warning"]
CONTRACT_CHECK: Final = "contract"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One expectation. `name` is unique in its suite; `what` says in words what must hold."""

    name: str
    what: str
    severity: Severity = "error"
    check: str = CONTRACT_CHECK
    """The asset check that it is part of: the rules of a contract are one check, a hand-written rule is its own."""
    blocks: bool = False
    """Whether what is downstream must not go on while it is broken."""
    cure: str = "See the sample; `cryptoflow quality results` has the counts, ops.quarantine what was refused."


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnsAre(Rule):
    """The table has these columns and no others."""

    columns: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Given(Rule):
    """The column is not NULL in at least this share of the rows."""

    column: str
    share: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Within(Rule):
    """Values of the column lie within bounds; NULL is not looked at."""

    column: str
    above: int | Decimal | None = None
    minimum: int | Decimal | None = None
    maximum: int | Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf(Rule):
    """Values of the column are among these; NULL is not looked at."""

    column: str
    choices: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unique(Rule):
    """No two rows agree in all of these columns."""

    columns: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoRow(Rule):
    """The query returns no row: each row of it breaks the rule.

    `{batch}` stands for the rows of the window, `%(ends)s` for the instant at which it ends.
    """

    query: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Everything that is expected of one table, and how far back it is looked at (None: all of it)."""

    table: sa.Table
    rules: Sequence[Rule]
    reach: timedelta | None

    @property
    def dataset(self) -> str:
        """The table's name, as everywhere."""
        return f"{self.table.schema}.{self.table.name}"

    @property
    def checks(self) -> dict[str, list[Rule]]:
        """The rules by check, in order."""
        grouped: dict[str, list[Rule]] = {}
        for rule in self.rules:
            grouped.setdefault(rule.check, []).append(rule)
        return grouped
