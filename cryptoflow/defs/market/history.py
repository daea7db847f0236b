"""History as an asset: points of charts, at once while first history is wanted, and whatever no tick saw every quarter.

A run is short, because other runs want the worker. It says in its metadata what is left and when it can go on, and the
sensor asks for the next run by that alone.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from cryptoflow.collect.history import HistoryReport, collect_history
from cryptoflow.contracts import closes
from cryptoflow.defs.contracted import contract_spec
from cryptoflow.defs.failures import told_to_dagster
from cryptoflow.defs.first_time import UNFINISHED, is_running
from cryptoflow.defs.market.assets import CATALOG, SNAPSHOTS
from cryptoflow.defs.platform.resources import WarehouseResource
from cryptoflow.defs.plots import bars
from cryptoflow.defs.quality.checks import without_expectations
from cryptoflow.warehouse.locks import DatasetBusy

CHART_POINTS = dg.AssetKey("market_chart_points")
LEFT = "charts left"
GOES_ON_AT = "goes on at"
REST_AFTER_FAILURE = timedelta(minutes=10)
# Other runs wait for the worker meanwhile: candle ticks, and what somebody starts by hand.
RUN_SECONDS = 30.0
_HOURS_SHOWN = 48


@dg.multi_asset(
    name="market_history",
    specs=[
        contract_spec(
            "market_chart_points",
            closes.market_chart_points,
            sources=("coingecko",),
            deps=[CATALOG, SNAPSHOTS],
            skippable=True,
        )
    ],
    pool="market_history",
)
def market_history(context: dg.AssetExecutionContext, warehouse: WarehouseResource):
    """Ask for what is missing, most urgent first, for half a minute."""
    now = datetime.now(UTC)
    with told_to_dagster():
        try:
            report = collect_history(
                warehouse.settings(),
                now=now,
                database_url=warehouse.database_url,
                redis_url=warehouse.redis_url,
                seconds=RUN_SECONDS,
                collection_type="manual" if context.run.tags.get("dagster/from_ui") else "continuous",
                run_id=context.run.run_id,
            )
        except DatasetBusy as busy:
            # A backfill by hand does the same work; what it leaves is found again.
            context.log.info(busy.what)
            return
    if report.stopped_by:
        context.log.info(f"Stopped with {report.left} charts left: {report.stopped_by}")
    yield dg.MaterializeResult(asset_key=CHART_POINTS, metadata=history_metadata(report))


def history_metadata(report: HistoryReport) -> dict[str, object]:
    """What an engineer wants to see of one run; the sensor reads what is left from it."""
    coverage = report.first.asked / report.first.wanted if report.first.wanted else 0.0
    return {
        "charts asked": report.wanted - report.left + report.failed,
        LEFT: report.left,
        GOES_ON_AT: report.goes_on_at.isoformat() if report.goes_on_at else "nothing is left to ask now",
        "stopped by": report.stopped_by or "nothing",
        "points": report.points,
        "stored": report.stored,
        "minutes closed": report.minutes,
        "quarantined": report.quarantined,
        "calls": report.calls,
        "charts without a point": report.without_points,
        "charts refused": report.refused_requests,
        "charts failed": report.failed,
        "assets with first history": f"{report.first.asked} of {report.first.wanted}",
        "coverage": dg.FloatMetadataValue(coverage),
        "slots told": ", ".join(f"{count} {state}" for state, count in report.slots_told.items()) or "none",
        "points by hour": dg.MarkdownMetadataValue(_plot(report)),
    }


def _plot(report: HistoryReport) -> str:
    """The last two days of points as bars, an hour each."""
    if not report.points_by_hour:
        return "no points"
    last = max(report.points_by_hour)
    hours = [last - timedelta(hours=back) for back in reversed(range(_HOURS_SHOWN))]
    counts = [report.points_by_hour.get(hour, 0) for hour in hours]
    return f"`{bars(counts)}` {hours[0]:%m-%d %H:00} to {last:%m-%d %H:00} UTC, at most {max(counts)} an hour"


history_job = dg.define_asset_job(
    "market_history_job",
    selection=without_expectations(CHART_POINTS),
    description="Asks the providers' charts for what no tick saw, and for what was before the first tick.",
    tags={"dagster/max_runtime": "300"},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryStanding:
    """Where history stands, as Dagster knows it."""

    has_snapshots: bool
    is_running: bool
    left: int | None
    """Charts that the newest run left; None: there was none yet."""
    goes_on_at: datetime | None
    last_failure: datetime | None = None
    """When the newest run ended, if it brought nothing: it failed, or somebody else did its work."""


def decide_history(standing: HistoryStanding, *, now: datetime) -> tuple[bool, str]:
    """Whether to ask for a run now, and why."""
    if not standing.has_snapshots:
        return False, "there is no snapshot yet, so nobody knows the largest assets"
    if standing.is_running:
        return False, "it runs"
    if standing.last_failure is not None and now - standing.last_failure < REST_AFTER_FAILURE:
        return False, f"a run brought nothing at {standing.last_failure:%H:%M:%S}; again after {REST_AFTER_FAILURE}"
    if standing.left is None:
        return True, "no history was asked for yet"
    if standing.left == 0:
        return False, "no history is left to ask for; what ticks miss is looked for every quarter of an hour"
    if standing.goes_on_at is None or standing.goes_on_at > now:
        when = f"from {standing.goes_on_at:%Y-%m-%d %H:%M:%S} UTC on" if standing.goes_on_at else "by the schedule"
        return False, f"{standing.left} charts are left, and are asked for {when}"
    return True, f"{standing.left} charts are left"


@dg.sensor(
    name="market_history_first_hour",
    job=history_job,
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Fetches history at once when there are first snapshots, run after run until nothing is left.",
)
def history_first_hour(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Rollups and windows of a fresh installation have something to show within minutes, not days."""
    ask, reason = decide_history(history_standing(context.instance), now=datetime.now(UTC))
    return dg.RunRequest(tags={"cryptoflow/reason": reason}) if ask else dg.SkipReason(reason)


def history_standing(instance: dg.DagsterInstance) -> HistoryStanding:
    """Read the standing from Dagster."""
    materialized = instance.get_latest_materialization_event(CHART_POINTS)
    told = materialized.asset_materialization.metadata if materialized else {}
    newest = next(iter(instance.get_run_records(dg.RunsFilter(job_name=history_job.name), limit=1)), None)
    has_ended = newest is not None and newest.dagster_run.status not in UNFINISHED
    brought_nothing = has_ended and (materialized is None or materialized.run_id != newest.dagster_run.run_id)
    return HistoryStanding(
        has_snapshots=instance.get_latest_materialization_event(SNAPSHOTS) is not None,
        is_running=newest is not None and not has_ended,
        left=int(told[LEFT].value) if LEFT in told else None,
        goes_on_at=_instant(str(told[GOES_ON_AT].value)) if GOES_ON_AT in told else None,
        last_failure=datetime.fromtimestamp(newest.end_time or 0.0, UTC) if brought_nothing else None,
    )


def _instant(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


@dg.schedule(
    job=history_job,
    name="market_history_every_quarter",
    cron_schedule="7,22,37,52 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Finds the minutes that ticks missed and refills them from charts; skipped while a run is under way.",
)
def history_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Off the full hour, when rollups are built."""
    if is_running(context.instance, job_name=history_job.name):
        return dg.SkipReason("a run is under way")
    return dg.RunRequest(run_key=context.scheduled_execution_time.astimezone(UTC).isoformat())
