"""Contracts: every table and column says what it is, and every bound is also a CHECK of the database."""

from __future__ import annotations

from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from cryptoflow.cadence import Grain
from cryptoflow.contracts import Contract, contract_of, contracts
from cryptoflow.contracts.contract import FOR_EVER, METADATA, SCHEMAS, Retention, column, table
from cryptoflow.settings import Settings

TABLES = contracts()
COLUMNS = [column for table in TABLES for column in table.columns]


def checks(of: sa.Table) -> dict[str, str]:
    """The CHECK constraints by their names without the table's."""
    found = [item for item in of.constraints if isinstance(item, sa.CheckConstraint)]
    return {str(item.name).removeprefix(f"ck_{of.name}_"): str(item.sqltext) for item in found}


def test_the_tables_of_identity_and_control_are_contracted() -> None:
    assert {table.fullname for table in TABLES} >= {
        "market.assets", "market.asset_aliases", "ops.collection_status", "ops.api_usage_stats", "ops.quarantine",
        "ops.schema_migrations", "raw.payloads", "raw.fetches",
    }  # fmt: skip


@pytest.mark.parametrize("contracted", TABLES, ids=str)
def test_a_table_has_a_contract_that_says_what_it_is(contracted: sa.Table) -> None:
    contract = contract_of(contracted)
    assert contract.description.endswith(".")
    assert contracted.comment == contract.description
    assert contract.one_row_per
    assert contract.owner
    assert contracted.schema in SCHEMAS


@pytest.mark.parametrize("contracted", TABLES, ids=str)
def test_the_clock_is_a_time_column_of_the_table(contracted: sa.Table) -> None:
    clock = contract_of(contracted).clock
    assert clock is not None
    kind = contracted.columns[clock].type
    assert isinstance(kind, sa.DateTime)
    assert kind.timezone
    assert not contracted.columns[clock].nullable


@pytest.mark.parametrize("contracted", TABLES, ids=str)
def test_retention_is_stated_and_its_setting_exists(contracted: sa.Table) -> None:
    retention = contract_of(contracted).retention
    assert retention.days is None or retention.days >= 1
    if retention.setting is not None:
        assert Settings.model_fields[retention.setting].default == retention.days


@pytest.mark.parametrize("contracted", TABLES, ids=str)
def test_every_table_has_a_primary_key(contracted: sa.Table) -> None:
    assert list(contracted.primary_key.columns)


@pytest.mark.parametrize("found", COLUMNS, ids=str)
def test_a_column_says_what_it_means(found: sa.Column[object]) -> None:
    assert found.comment
    assert found.comment.endswith(".")
    assert not found.comment[0].islower() or found.comment.split(":")[0] in found.info["one_of"]


@pytest.mark.parametrize("found", COLUMNS, ids=str)
def test_no_time_without_zone_and_no_float(found: sa.Column[object]) -> None:
    assert not isinstance(found.type, sa.DateTime) or found.type.timezone
    assert not isinstance(found.type, sa.Float)


@pytest.mark.parametrize(
    "found", [c for c in COLUMNS if c.name.endswith(("_ms", "_bytes", "_usd", "_seconds"))], ids=str
)
def test_a_name_that_carries_a_unit_agrees_with_the_unit(found: sa.Column[object]) -> None:
    assert found.info["unit"] == found.name.rpartition("_")[2]


@pytest.mark.parametrize("found", COLUMNS, ids=str)
def test_a_bound_is_a_check_of_the_database(found: sa.Column[object]) -> None:
    rule = checks(found.table).get(found.name)
    bounds = [found.info[name] for name in ("above", "minimum", "maximum", "one_of")]
    assert (rule is None) == all(bound is None for bound in bounds)
    if found.info["above"] is not None:
        assert f"{found.name} > {found.info['above']}" in str(rule)
    if found.info["minimum"] is not None:
        assert f"{found.name} >= {found.info['minimum']}" in str(rule)
    for choice in found.info["one_of"] or ():
        assert f"'{choice}'" in str(rule)


@pytest.fixture
def sample() -> sa.Table:
    contract = Contract(
        description="A sample.", one_row_per="x", clock=None, cadence=Grain.DAY, retention=FOR_EVER, owner="nobody"
    )
    made = table(
        "sample",
        contract,
        column("share", sa.Numeric(), "A share.", minimum=0, maximum=Decimal("0.5"), primary_key=True),
        column("word", sa.Text(), "A word.", one_of=iter(("a", "b")), nullable=True),
        column("free", sa.Text(), "Anything."),
        schema="ops",
    )
    METADATA.remove(made)
    return made


def test_bounds_and_choices_become_checks_named_after_their_column(sample: sa.Table) -> None:
    assert checks(sample) == {"share": "share >= 0 AND share <= 0.5", "word": "word IN ('a', 'b')"}
    ddl = str(sa.schema.CreateTable(sample).compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]
    assert "CONSTRAINT ck_sample_share CHECK (share >= 0 AND share <= 0.5)" in ddl


def test_a_column_is_required_unless_it_says_otherwise(sample: sa.Table) -> None:
    assert [found.nullable for found in sample.columns] == [False, True, False]
    assert sample.columns["word"].info["one_of"] == ("a", "b")


@pytest.mark.parametrize(
    ("retention", "words"),
    [
        (FOR_EVER, "for ever"),
        (Retention(days=90), "90 days"),
        (Retention(days=7, setting="payload_retention_days"), "7 days (setting `payload_retention_days`)"),
    ],
)
def test_retention_in_words(retention: Retention, words: str) -> None:
    assert str(retention) == words
