"""When expectations are looked at: every hour, in a warm worker, never in the minute tick."""

from datetime import UTC

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


@dg.schedule(
    job=quality_job,
    name="quality_hourly",
    # The closed hour was built again at minute 3; the grace in which its last samples arrive is over.
    cron_schedule="12 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Expectations of every table, each hour: a run for each, so that a tick waits for one of them at most.",
)
def quality_hourly(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
    """One look at a time."""
    if is_running(context.instance, job_name=quality_job.name):
        return dg.SkipReason("the look before it still runs")
    due = context.scheduled_execution_time.astimezone(UTC).isoformat()
    return [
        dg.RunRequest(
            # Of several runs Dagster wants to know which is which.
            run_key=f"{dataset} {due}",
            asset_check_keys=[spec.key for spec in check_specs(suite)],
            tags={LOOKING: dataset},
        )
        for dataset, suite in suites().items()
    ]
