"""From expectations to asset checks: the rules of a suite become checks by group, its outcomes their results.

Looking at one dataset always looks at its whole suite; of a selection only the selected checks are told.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from cryptoflow.contracts.candle_records import candle_certificates, candle_slots
from cryptoflow.contracts.market import asset_aliases, assets
from cryptoflow.defs.failures import told_to_dagster
from cryptoflow.defs.platform.resources import WarehouseResource
from cryptoflow.quality.data_docs import index_page
from cryptoflow.quality.outcome import Outcome
from cryptoflow.quality.proving import Proof, prove, site_folder
from cryptoflow.quality.rendered import COVERAGE_CHECK
from cryptoflow.quality.results import exact
from cryptoflow.quality.rules import CONTRACT_CHECK, Rule, Suite
from cryptoflow.quality.suites import suites

# Tables that are part of an asset of another name.
_ASSETS = {
    assets: "asset_catalog",
    asset_aliases: "asset_catalog",
    candle_slots: "minute_candles",
    candle_certificates: "minute_candles",
}
_SHOWN_ROWS = 10


def asset_key_of(suite: Suite) -> dg.AssetKey:
    """The asset that the table is."""
    return dg.AssetKey(_ASSETS.get(suite.table, suite.table.name))


def check_name_of(suite: Suite, check: str) -> str:
    """The name of the check on its asset; where an asset is several tables, the table is part of it."""
    return f"{suite.table.name}_{check}" if suite.table in _ASSETS else check


def check_specs(suite: Suite) -> list[dg.AssetCheckSpec]:
    """One check for each group of rules."""
    return [
        dg.AssetCheckSpec(
            name=check_name_of(suite, check),
            asset=asset_key_of(suite),
            description=_described(rules),
            blocking=any(rule.blocks for rule in rules),
        )
        for check, rules in suite.checks.items()
    ]


def _described(rules: Sequence[Rule]) -> str:
    if len(rules) == 1:
        return rules[0].what
    if rules[0].check in {CONTRACT_CHECK, COVERAGE_CHECK}:
        return f"{len(rules)} expectations of the contract: presence, bounds, choices, keys, coverage."
    return f"{rules[0].what} And {len(rules) - 1} more of the kind."


def without_expectations(*assets: dg.AssetKey | str) -> dg.AssetSelection:
    """The assets with their own checks, for a job that must not wait for expectations: these have a job of theirs.

    Dagster takes every check of a selected asset into its job, and Great Expectations costs many times a tick.
    """
    of_suites = dg.AssetSelection.checks(*(spec.key for suite in suites().values() for spec in check_specs(suite)))
    return dg.AssetSelection.assets(*assets) - of_suites


@dg.multi_asset_check(
    name="expectations",
    specs=[spec for suite in suites().values() for spec in check_specs(suite)],
    can_subset=True,
    pool="quality",
)
def expectations(context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource):
    """Look at every table that has a selected check, keep the results, publish the pages."""
    selected = context.selected_asset_check_keys
    wanted = [suite for suite in suites().values() if {spec.key for spec in check_specs(suite)} & selected]
    settings = warehouse.settings()
    page = str(index_page(site_folder(settings)))
    with told_to_dagster():
        for proof in prove(settings, wanted, database_url=warehouse.database_url, run_id=context.run.run_id):
            for outcome in proof.failed:
                context.log.warning(f"{proof.suite.dataset}: {outcome}")
            for result in check_results(proof, page=page):
                if dg.AssetCheckKey(result.asset_key, result.check_name) in selected:
                    yield result


def check_results(proof: Proof, *, page: str) -> Iterator[dg.AssetCheckResult]:
    """The outcomes of a suite, by check."""
    by_check: dict[str, list[Outcome]] = {}
    for outcome in proof.outcomes:
        by_check.setdefault(outcome.rule.check, []).append(outcome)
    for check, outcomes in by_check.items():
        failed = [outcome for outcome in outcomes if not outcome.success]
        grave = any(outcome.is_grave for outcome in outcomes)
        yield dg.AssetCheckResult(
            check_name=check_name_of(proof.suite, check),
            asset_key=asset_key_of(proof.suite),
            passed=not failed,
            severity=dg.AssetCheckSeverity.ERROR if grave else dg.AssetCheckSeverity.WARN,
            metadata=_metadata(proof, outcomes, failed) | {"Data Docs": dg.MetadataValue.path(page)},
        )


def _metadata(proof: Proof, outcomes: Sequence[Outcome], failed: Sequence[Outcome]) -> dict[str, object]:
    starts = f"{proof.window.starts:%Y-%m-%d %H:%M}" if proof.window.starts else "the beginning"
    told: dict[str, object] = {
        "rows looked at": max((outcome.evaluated or 0 for outcome in outcomes), default=0),
        "rows against it": sum(outcome.unexpected or 0 for outcome in failed),
        "window": f"{starts} to {proof.window.ends:%Y-%m-%d %H:%M} UTC",
        "pages": "Data Docs below has every rule; `cryptoflow quality docs --serve` shows it in a browser.",
    }
    if failed:
        told["what failed"] = dg.MarkdownMetadataValue("\n".join(f"- {outcome}" for outcome in failed))
        told["what to do"] = dg.MarkdownMetadataValue("\n".join(dict.fromkeys(f"- {o.rule.cure}" for o in failed)))
        told["sample"] = dg.JsonMetadataValue(
            {outcome.rule.name: [exact(row) for row in outcome.sample[:_SHOWN_ROWS]] for outcome in failed}
        )
    return told
