"""Great Expectations at work: a suite of ours becomes one of theirs, looks at a window, and its answer becomes ours.

The only module that imports Great Expectations, which costs seconds: import it inside functions. It makes no network
call but to the database; analytics are off. A query asset reads the window once into a temporary table, so that all
expectations of a suite judge the same rows.
What does not belong here: which rules there are, where results are kept, the look of the pages.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import great_expectations as gx
import great_expectations.expectations as gxe
from great_expectations.core.run_identifier import RunIdentifier
from great_expectations.data_context.types.base import DataContextConfig, ProgressBarsConfig
from great_expectations.datasource.fluent.interfaces import GxDatasourceWarning

from cryptoflow.quality.data_docs import RECORDS
from cryptoflow.quality.outcome import Outcome
from cryptoflow.quality.rules import ColumnsAre, Given, NoRow, OneOf, Rule, Suite, Unique, Within
from cryptoflow.quality.window import Window, batch_query, rule_query

SAMPLE_ROWS: Final = 20
_SITE: Final = "data_docs"
_RUN_NAME: Final = "looked_at"
_GRAVITY: Final = {"error": "critical", "warning": "warning"}
# One connection, so that the temporary table is where it is looked for; no query may hold the worker for ever.
_CONNECTION: Final = {
    "pool_size": 1,
    "max_overflow": 0,
    "connect_args": {"options": "-c timezone=UTC -c application_name=cryptoflow_quality -c statement_timeout=120s"},
}


class RowsKeepTheRule(gxe.UnexpectedRowsExpectation):  # type: ignore[misc] # its package is untyped to us
    """No row breaks a rule that is written as a query; tells also how many there are, and some of them."""

    metric_dependencies = (*gxe.UnexpectedRowsExpectation.metric_dependencies, "table.row_count")

    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        answer: dict[str, Any] = super()._validate(metrics, runtime_configuration, execution_engine)
        looked_at, unexpected = metrics["table.row_count"], answer["result"]["observed_value"]
        answer["result"] |= {
            "element_count": looked_at,
            "unexpected_count": unexpected,
            "unexpected_percent": 100 * unexpected / looked_at if looked_at else 0.0,
            "partial_unexpected_list": metrics["unexpected_rows_query.table"][:SAMPLE_ROWS],
        }
        return answer


def look(suite: Suite, window: Window, *, database_url: str, evaluated_at: datetime, folder: Path) -> Sequence[Outcome]:
    """Look at the window by the suite. Nothing is written but the record below `folder` that pages are made from."""
    context = gx.get_context(project_config=_project(folder), mode="ephemeral")
    with warnings.catch_warnings():
        # It would rather have `add_postgres`, which refuses the URL of a socket.
        warnings.simplefilter("ignore", GxDatasourceWarning)
        datasource = context.data_sources.add_sql(
            "warehouse", connection_string=_for_sqlalchemy(database_url), create_temp_table=True, kwargs=_CONNECTION
        )
    try:
        asset = datasource.add_query_asset(suite.table.name, query=batch_query(suite, window))
        expected = gx.ExpectationSuite(
            name=suite.dataset, expectations=[_expected(rule, window) for rule in suite.rules]
        )
        definition = gx.ValidationDefinition(
            name=suite.dataset,
            data=asset.add_batch_definition_whole_table("window"),
            suite=context.suites.add_or_update(expected),
        )
        answer = context.validation_definitions.add(definition).run(
            result_format={
                "result_format": "SUMMARY",
                "partial_unexpected_count": SAMPLE_ROWS,
                "unexpected_index_column_names": [column.name for column in suite.table.primary_key],
            },
            run_id=RunIdentifier(run_name=_RUN_NAME, run_time=evaluated_at),
        )
    finally:
        datasource.get_execution_engine().engine.dispose()
        datasource.get_engine().dispose()
    by_name = {result.expectation_config.meta["rule"]: result for result in answer.results}
    return [_outcome(rule, by_name[rule.name]) for rule in suite.rules]


def write_pages(folder: Path) -> None:
    """Write the pages of every record that has none yet, those of the suites, and the index of all."""
    context = gx.get_context(project_config=_project(folder), mode="ephemeral")
    looks = [key for key in context.validation_results_store.list_keys() if not _page_of(key, folder).exists()]
    context.build_data_docs(resource_identifiers=[*looks, *context.expectations_store.list_keys()])


def _page_of(key: Any, folder: Path) -> Path:
    *places, name = key.to_tuple()
    return folder.joinpath("validations", *places, f"{name}.html")


def _project(folder: Path) -> DataContextConfig:
    """Records on disk, so that the pages of earlier looks stay; everything else in memory."""

    def on_disk(*places: str) -> dict[str, Any]:
        return {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder.joinpath(*places))}

    in_memory = {"class_name": "InMemoryStoreBackend"}
    return DataContextConfig(
        stores={
            "expectations": {
                "class_name": "ExpectationsStore",
                "store_backend": on_disk(RECORDS, "expected"),
            },
            "results": {
                "class_name": "ValidationResultsStore",
                "store_backend": on_disk(RECORDS, "looked_at"),
            },
            "checkpoints": {"class_name": "CheckpointStore", "store_backend": in_memory},
            "validation_definition_store": {"class_name": "ValidationDefinitionStore", "store_backend": in_memory},
        },
        expectations_store_name="expectations",
        validation_results_store_name="results",
        checkpoint_store_name="checkpoints",
        data_docs_sites={
            _SITE: {
                "class_name": "SiteBuilder",
                "show_how_to_buttons": False,
                "store_backend": on_disk(),
                "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            }
        },
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False, metric_calculations=False),
        fluent_datasources={},
        config_version=4,
    )


def _for_sqlalchemy(database_url: str) -> str:
    """With the driver named; a dollar sign would be taken for a variable by Great Expectations."""
    return "postgresql+psycopg://" + database_url.partition("://")[2].replace("$", "%24")


def _expected(rule: Rule, window: Window) -> Any:
    shared: dict[str, Any] = {
        "meta": {"rule": rule.name},
        "description": f"{rule.what} ({rule.name}, {rule.severity})",
        "severity": _GRAVITY[rule.severity],
    }
    match rule:
        case ColumnsAre():
            return gxe.ExpectTableColumnsToMatchSet(column_set=list(rule.columns), exact_match=True, **shared)
        case Given():
            return gxe.ExpectColumnValuesToNotBeNull(column=rule.column, mostly=rule.share, **shared)
        case Within():
            return gxe.ExpectColumnValuesToBeBetween(
                column=rule.column,
                min_value=rule.minimum if rule.above is None else rule.above,
                strict_min=rule.above is not None,
                max_value=rule.maximum,
                **shared,
            )
        case OneOf():
            return gxe.ExpectColumnValuesToBeInSet(column=rule.column, value_set=list(rule.choices), **shared)
        case Unique(columns=[column]):
            return gxe.ExpectColumnValuesToBeUnique(column=column, **shared)
        case Unique():
            return gxe.ExpectCompoundColumnsToBeUnique(column_list=list(rule.columns), **shared)
        case NoRow():
            return RowsKeepTheRule(unexpected_rows_query=rule_query(rule, window), **shared)
    raise TypeError(f"{type(rule).__name__} has no counterpart in Great Expectations")


def _outcome(rule: Rule, answer: Any) -> Outcome:
    error = _exception_of(answer.exception_info)
    if error is not None:
        return Outcome(rule=rule, success=False, error=error)
    found: Mapping[str, Any] = answer.result
    if isinstance(rule, ColumnsAre):
        differing = set(found["observed_value"]) ^ set(rule.columns)
        return Outcome(
            rule=rule,
            success=bool(answer.success),
            evaluated=len(rule.columns),
            unexpected=len(differing),
            sample=[{"column": name} for name in sorted(differing)],
        )
    return Outcome(
        rule=rule,
        success=bool(answer.success),
        evaluated=found["element_count"],
        # Of no row it says nothing, which is none.
        unexpected=found["unexpected_count"] or 0,
        sample=_sample(found),
    )


def _sample(found: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The rows with their keys where they are given, else the values."""
    rows = found.get("partial_unexpected_index_list") or found.get("partial_unexpected_list") or []
    return [row if isinstance(row, Mapping) else {"value": row} for row in rows[:SAMPLE_ROWS]]


def _exception_of(told: Mapping[str, Any]) -> str | None:
    """The first reason why the expectation could not be looked at; the form of what is told varies with the cause."""
    for one in (told, *(part for part in told.values() if isinstance(part, Mapping))):
        if one.get("raised_exception"):
            return str(one.get("exception_message")).strip()
    return None
