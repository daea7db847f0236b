"""Expectations as records: what a contract renders to, how windows are written out, pages that need nobody else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from cryptoflow.cadence import Grain
from cryptoflow.contracts import closes, contracts
from cryptoflow.contracts.contract import FOR_EVER, Contract, column
from cryptoflow.errors import UsageError
from cryptoflow.quality.data_docs import FETCHED, SCRIPT, STATIC, STYLES, standing_alone
from cryptoflow.quality.rendered import contract_rules
from cryptoflow.quality.rules import Given, NoRow, OneOf, Rule, Suite, Unique, Within
from cryptoflow.quality.suites import suite_of, suites
from cryptoflow.quality.window import batch_query, rule_query, window_of

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def table_of(*columns: sa.Column[object]) -> sa.Table:
    """A table that is in no registry."""
    contract = Contract(
        description="d", one_row_per="r", clock="at", cadence=Grain.HOUR, retention=FOR_EVER, owner="nobody"
    )
    return sa.Table("readings", sa.MetaData(), *columns, schema="raw", info={"contract": contract})


READINGS = table_of(
    column("at", sa.DateTime(timezone=True), "When.", primary_key=True),
    column("mood", sa.Text(), "How.", one_of=("good", "bad")),
    column("level", sa.Numeric(), "How much.", above=0, maximum=9, nullable=True),
)


def named(rules: list[Rule], name: str) -> Rule:
    (found,) = [rule for rule in rules if rule.name == name]
    return found


def test_a_contract_renders_to_everything_it_promises() -> None:
    rules = contract_rules(READINGS, least_given={"level": 0.25})
    names = {rule.name for rule in rules}
    assert names == {
        "columns", "at.given", "mood.given", "mood.one_of", "level.bounds", "key.unique", "numbers.finite",
        "level.coverage",
    }  # fmt: skip
    mood, level, key, coverage = (
        named(rules, n) for n in ("mood.one_of", "level.bounds", "key.unique", "level.coverage")
    )
    assert isinstance(mood, OneOf)
    assert mood.choices == ("good", "bad")
    assert isinstance(level, Within)
    assert (level.above, level.minimum, level.maximum) == (0, None, 9)
    assert isinstance(key, Unique)
    assert key.columns == ["at"]
    assert isinstance(coverage, Given)
    assert (coverage.share, coverage.severity, coverage.blocks) == (0.25, "warning", False)
    assert all(rule.blocks and rule.severity == "error" for rule in rules if rule is not coverage)


def test_every_fact_table_has_a_suite_and_only_those_and_identity() -> None:
    facts = {f"{table.schema}.{table.name}" for table in (closes.market_snapshots, *closes.CLOSES.values())}
    assert facts | {"market.assets", "market.asset_aliases"} <= set(suites())
    assert not any(name.startswith(("ops.", "auth.")) or name.endswith("_revisions") for name in suites())
    assert set(suites()) <= {f"{table.schema}.{table.name}" for table in contracts()}


@pytest.mark.parametrize("dataset", list(suites()))
def test_the_rules_of_a_suite_are_named_apart_and_said_in_words(dataset: str) -> None:
    suite = suites()[dataset]
    assert len({rule.name for rule in suite.rules}) == len(suite.rules)
    assert all(rule.what.endswith(".") and rule.cure.endswith(".") for rule in suite.rules)
    assert {rule.name for rules in suite.checks.values() for rule in rules} == {rule.name for rule in suite.rules}
    for rules in suite.checks.values():
        assert len({(rule.severity, rule.blocks) for rule in rules}) == 1


def test_a_dataset_is_found_with_and_without_its_schema() -> None:
    assert suite_of("minute_close") is suite_of("market.minute_close")
    with pytest.raises(UsageError, match="There are no expectations of 'nothing'"):
        suite_of("nothing")


def test_a_window_is_written_out_so_that_partitions_are_known_at_planning_time() -> None:
    suite = Suite(table=READINGS, rules=[], reach=timedelta(hours=2))
    assert batch_query(suite, window_of(suite, now=NOW)) == (
        'SELECT * FROM "raw"."readings" WHERE "at" >= TIMESTAMPTZ \'2026-03-04T10:00:00+00:00\''
        " AND \"at\" < TIMESTAMPTZ '2026-03-04T12:00:00+00:00'"
    )


def test_a_suite_without_reach_looks_at_the_whole_table() -> None:
    suite = Suite(table=READINGS, rules=[], reach=None)
    assert batch_query(suite, window_of(suite, now=NOW)) == 'SELECT * FROM "raw"."readings"'


def test_a_rule_gets_the_end_of_the_window_and_keeps_its_batch() -> None:
    suite = Suite(table=READINGS, rules=[], reach=None)
    rule = NoRow(name="n", what="w", query="SELECT 1 FROM {batch} WHERE at > %(ends)s")
    assert rule_query(rule, window_of(suite, now=NOW)) == (
        "SELECT 1 FROM {batch} WHERE at > TIMESTAMPTZ '2026-03-04T12:00:00+00:00'"
    )


PAGE = """
<link rel="stylesheet" href="https://maxcdn.bootstrapcdn.com/bootstrap/4.3.1/css/bootstrap.min.css"/>
<link rel="stylesheet" type="text/css" href="https://nowhere.example/dark.css" />
<style>.logo { background: url('https://assets.example/full_logo_dark.png') 0 0; }</style>
<script src="https://cdn.example/npm/vega@5"></script>
<script src="https://code.jquery.com/jquery-3.7.1.min.js"></script>
<script src="https://stack.example/bootstrap/4.3.1/js/bootstrap.min.js" integrity="x" crossorigin="anonymous"></script>
<link rel="shortcut icon" href="../../static/images/favicon.ico" type="image/x-icon"/>
<img src="https://assets.example/logo-long.png?d=20261125T195213.584141Z"> <a href="https://a.example">kept</a>
<footer>
  <p>Stay current with our newsletter</p>
</footer>
"""


def test_a_page_stands_alone() -> None:
    alone = standing_alone(f"<html><head></head><body>{PAGE}</body></html>", depth=2)
    assert FETCHED.search(PAGE)
    assert not FETCHED.search(alone)
    for name in (STYLES, SCRIPT):
        assert f'"../../{STATIC}/{name}"' in alone
        assert (Path(suite_of.__code__.co_filename).parent / "site" / name).exists()
    for gone in ("bootstrap", "jquery", "vega", "dark", "newsletter", "logo"):
        assert gone not in alone
    assert '<a href="https://a.example">kept</a>' in alone
    assert standing_alone(alone, depth=2) == alone
