"""When expectations are looked at: every hour, in a warm worker, never in the minute tick."""

from collections.abc import Sequence
from itertools import groupby

import dagster as dg

from cryptoflow.defs.first_time import is_running
from cryptoflow.defs.quality.checks import check_specs
from cryptoflow.quality.suites import suites

# Limited to one at a time in dagster.yaml: a worker that is free between two of them takes the tick that is due first.
LOOKING = "cryptoflow/looking_at"

quality_job = dg.define_asset_job(
    "quality_job",
    selection=dg.AssetSelection.checks(*(spec.key for suite in suites().values() for spec in check_specs(suite))),
    description="Looks at the newest rows of every table by its expectations; keeps results, publishes Data Docs.",
    # Below the minute tick that is due at the same instant: the tick is over before the looking begins.
    tags={"dagster/max_runtime": "900", "dagster/priority": "-1"},
)


def checks_by_schema() -> dict[str, Sequence[dg.AssetCheckKey]]:
    """The checks of all tables, by the schema that the tables are in."""
    by_schema = sorted(suites().values(), key=lambda suite: str(suite.table.schema))
    return {
        schema: [spec.key for suite in of_schema for spec in check_specs(suite)]
        for schema, of_schema in groupby(by_schema, key=lambda suite: str(suite.table.schema))
    }


@dg.schedule(
    job=quality_job,
    name="quality_hourly",
    # The closed hour was built again at minute 3; the grace in which its last samples arrive is over.
    cron_schedule="12 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Expectations of every table, each hour: a run for each schema, so that a tick waits for none of them.",
)
def quality_hourly(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
    """One look at a time."""
    if is_running(context.instance, job_name=quality_job.name):
        return dg.SkipReason("the look before it still runs")
    return [dg.RunRequest(asset_check_keys=keys, tags={LOOKING: schema}) for schema, keys in checks_by_schema().items()]
