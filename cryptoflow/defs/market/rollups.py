"""What the coarse closes share as assets: partitions, the asset that rebuilds a range of buckets, its schedule.

Ticks keep open buckets up to date by themselves; these assets build a closed bucket once more, from everything that its
finer grain holds by then, and let a person rebuild any range in a single run.
"""

import dagster as dg

from cryptoflow.cadence import CADENCES, Grain
from cryptoflow.collect.rebuild import rebuild_closes
from cryptoflow.contracts.closes import CLOSES
from cryptoflow.defs.contracted import contract_spec
from cryptoflow.defs.failures import RETRIES, told_to_dagster
from cryptoflow.defs.platform.resources import WarehouseResource
from cryptoflow.defs.quality.checks import without_expectations

COARSE = (Grain.HOUR, Grain.DAY, Grain.WEEK, Grain.MONTH)
# Simulated and real history begin here; earlier partitions would be empty for ever.
FIRST_DAY = "2024-01-01"
_DAY_FORMAT = "%Y-%m-%d"
_PARTITIONS = {
    Grain.HOUR: dg.HourlyPartitionsDefinition(start_date=f"{FIRST_DAY}-00:00", timezone="UTC"),
    Grain.DAY: dg.DailyPartitionsDefinition(start_date=FIRST_DAY, timezone="UTC"),
    Grain.WEEK: dg.WeeklyPartitionsDefinition(start_date=FIRST_DAY, timezone="UTC", day_offset=1),
    Grain.MONTH: dg.MonthlyPartitionsDefinition(start_date=FIRST_DAY, timezone="UTC"),
}
# Minutes past the end of the bucket: late samples are in, and the finer grain was built before.
_MINUTES_PAST = {Grain.HOUR: 3, Grain.DAY: 6, Grain.WEEK: 9, Grain.MONTH: 9}


def close_asset(grain: Grain) -> dg.AssetsDefinition:
    """The asset of one coarse grain."""
    table = CLOSES[grain]
    finer = CADENCES[grain].built_from

    @dg.multi_asset(
        name=table.name,
        specs=[contract_spec(table.name, table, deps=[CLOSES[finer].name])],
        partitions_def=_PARTITIONS[grain],
        backfill_policy=dg.BackfillPolicy.single_run(),
        retry_policy=RETRIES,
        pool="rollups",
    )
    def build(context: dg.AssetExecutionContext, warehouse: WarehouseResource):
        window = context.partition_time_window
        with told_to_dagster():
            rebuilt = rebuild_closes(warehouse.database_url, grain, start=window.start, end=window.end)
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": rebuilt.rows,
                "buckets marked": rebuilt.marked,
                "rows that changed": rebuilt.changed,
                "mean coverage": dg.FloatMetadataValue(rebuilt.mean_coverage),
            }
        )

    return build


def close_schedule(grain: Grain) -> dg.ScheduleDefinition:
    """Build each bucket once more shortly after its end."""
    name = CLOSES[grain].name
    job = dg.define_asset_job(
        f"{name}_job",
        selection=without_expectations(name),
        description=f"Builds closed {grain} buckets from the finer grain.",
    )
    when = {"minute_of_hour": _MINUTES_PAST[grain]}
    return dg.build_schedule_from_partitioned_job(
        job,
        name=f"{name}_closed",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Each {grain}, once it is over and late samples are in.",
        **when,
    )
