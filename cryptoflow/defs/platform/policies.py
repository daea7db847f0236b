"""What holds for every asset, applied in one place: freshness by cadence, and automation behind checks.

An asset that is due daily is overdue after a day and a grace. The policy looks at materializations; whether the *data*
are fresh is a check of its own, because a backfill of an old partition also materializes. A blocking check stops what
is downstream within its own run only; the condition does it for what automation launches in other runs.
"""

from __future__ import annotations

from datetime import timedelta

import dagster as dg

from cryptoflow.cadence import CADENCES, Grain
from cryptoflow.defs.contracted import GRAIN_METADATA

# (warn after, fail after), counted from the last materialization.
_FRESHNESS = {
    Grain.MINUTE: (timedelta(minutes=3), timedelta(minutes=10)),
    Grain.HOUR: (timedelta(minutes=75), timedelta(hours=2)),
    Grain.DAY: (timedelta(hours=25), timedelta(hours=30)),
    Grain.WEEK: (timedelta(days=7, hours=6), timedelta(days=8)),
    Grain.MONTH: (timedelta(days=32), timedelta(days=34)),
}
assert _FRESHNESS.keys() == CADENCES.keys()


def with_policies(defs: dg.Definitions) -> dg.Definitions:
    """The definitions, every asset under the policies of its cadence."""
    return defs.map_asset_specs(func=lambda spec: _behind_blocking_checks(_with_freshness(spec)))


def _with_freshness(spec: dg.AssetSpec) -> dg.AssetSpec:
    cadence = spec.metadata.get(GRAIN_METADATA)
    if cadence not in set(Grain):
        return spec
    warn, fail = _FRESHNESS[Grain(cadence)]
    return spec.replace_attributes(freshness_policy=dg.FreshnessPolicy.time_window(fail_window=fail, warn_window=warn))


def _behind_blocking_checks(spec: dg.AssetSpec) -> dg.AssetSpec:
    if spec.automation_condition is None:
        return spec
    return spec.replace_attributes(
        automation_condition=spec.automation_condition & dg.AutomationCondition.all_deps_blocking_checks_passed()
    )
