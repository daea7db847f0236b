"""Migrations: they make what the contracts say, go down as well as up, and say what is in force."""

from __future__ import annotations

import psycopg
import pytest

from cryptoflow.errors import UsageError
from cryptoflow.warehouse import migrations
from cryptoflow.warehouse.schema_check import differences


def test_migrations_make_exactly_what_the_contracts_say(database_url: str) -> None:
    assert differences(database_url) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("ALTER TABLE market.assets ADD COLUMN spare int", "column market.assets.spare is in no contract"),
        ("ALTER TABLE ops.api_usage_stats DROP CONSTRAINT ck_api_usage_stats_total_calls", "total_calls is missing"),
        ("COMMENT ON COLUMN raw.payloads.body IS 'other'", "column raw.payloads.body is: "),
        ("DROP INDEX raw.ix_fetches_started_at", "index raw.fetches.ix_fetches_started_at is missing"),
    ],
)
def test_a_database_that_strayed_from_the_contracts_is_told(database_url: str, change: str, told: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(change)
    found = differences(database_url)
    assert len(found) == 1
    assert told in found[0]


def test_down_takes_everything_back_and_up_brings_it_again(database_url: str) -> None:
    migrations.migrate_down(database_url, "base")
    with psycopg.connect(database_url) as connection:
        left = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND tablename <> 'alembic_version'"
        ).fetchall()
    assert left == []
    assert migrations.current(database_url) is None
    migrations.migrate_up(database_url)
    assert differences(database_url) == []


def test_up_again_changes_nothing(database_url: str) -> None:
    before = migrations.history(database_url)
    migrations.migrate_up(database_url)
    assert migrations.history(database_url) == before


def test_each_migration_is_recorded_with_its_time(empty_database_url: str) -> None:
    assert {step.applied_at for step in migrations.history(empty_database_url)} == {None}
    migrations.migrate_up(empty_database_url)
    with psycopg.connect(empty_database_url) as connection:
        recorded = connection.execute(
            "SELECT version, name, applied_at FROM ops.schema_migrations ORDER BY version"
        ).fetchall()
    # The numbers are those of the subjects; the chain may take them in another order.
    steps = migrations.history(empty_database_url)
    assert recorded == sorted((step.version, step.name, step.applied_at) for step in steps)


def test_an_unknown_revision_is_a_clear_error(database_url: str) -> None:
    with pytest.raises(UsageError, match="There is no migration '0042'"):
        migrations.migrate_up(database_url, "0042")


def test_the_reader_reads_but_cannot_write(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("SET ROLE cryptoflow_reader")
        assert connection.execute("SELECT count(*) FROM market.assets").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM market.assets")
