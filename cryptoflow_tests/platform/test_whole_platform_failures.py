"""Failures in the right way: a permanent error is not tried again, runs that hang are ended and free their slot, runs
that nobody carries on are started anew, and a market tick waits for none of them.

After the tests of the whole platform, which ask what it did by itself before anybody made a provider fail.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import psycopg
import pytest
from dagster._core.utils import make_new_run_id
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

from cryptoflow_tests.running_platform import RunningPlatform
from cryptoflow_tests.waiting import wait_for

JOB = "asset_catalog_job"
POOL = "catalog"
PROVIDERS = ("coingecko", "coinmarketcap")
ENDS_WITHIN_SECONDS = 150.0
# Its worker may be busy with a run that hangs as well, and gives that provider up only after its last attempt.
BEGINS_WITHIN_SECONDS = 240.0
RUN = """query($id: ID!) { runOrError(runId: $id) { ... on Run {
  status tags { key value }
  eventConnection(limit: 1000) { events { __typename ... on MessageEvent { message } } } } } }"""
RUNS = """query($job: String!) { runsOrError(filter: {pipelineName: $job}, limit: 50) {
  ... on Runs { results { runId parentRunId } } } }"""
SLOTS = """query($pool: String!) { instance { concurrencyLimit(concurrencyKey: $pool) {
  slotCount claimedSlots { runId stepKey } } } }"""
TICKS = "SELECT slot FROM ops.slots WHERE dataset = 'raw.market_snapshots' AND state = 'observed' AND slot > %s"


class Run:
    """What Dagster says of a run now."""

    def __init__(self, platform: RunningPlatform, run_id: str) -> None:
        said = platform.graphql(RUN, id=run_id)["runOrError"]
        self.status: str = said["status"]
        self.tags = {tag["key"]: tag["value"] for tag in said["tags"]}
        self.events = [event["__typename"] for event in said["eventConnection"]["events"]]
        self.messages = [event.get("message") or "" for event in said["eventConnection"]["events"]]


def holders(platform: RunningPlatform) -> set[str]:
    """The runs that hold a slot of the pool."""
    limit = platform.graphql(SLOTS, pool=POOL)["instance"]["concurrencyLimit"]
    return {slot["runId"] for slot in limit["claimedSlots"]}


def leave_unqueued(platform: RunningPlatform, run_id: str) -> str:
    """What is there when the database goes away between the making of a run and its queueing; returns its id.

    It is the run again that was just over, by the same code, as it was when it had been made two minutes ago.
    """
    left_id = make_new_run_id()
    with psycopg.connect(platform.endpoints["dagster_database_url"]) as record:
        ((body,),) = record.execute("SELECT run_body FROM runs WHERE run_id = %s", (run_id,)).fetchall()
        run = json.loads(body)
        del run["tags"][DAGSTER_CELERY_TASK_ID_TAG]
        run |= {"run_id": left_id, "status": {"__enum__": "DagsterRunStatus.NOT_STARTED"}}
        record.execute(
            "INSERT INTO runs"
            " (run_id, snapshot_id, pipeline_name, status, run_body, create_timestamp, update_timestamp)"
            " SELECT %s, snapshot_id, pipeline_name, 'NOT_STARTED', %s, create_timestamp,"
            " update_timestamp - interval '2 minutes' FROM runs WHERE run_id = %s",
            (left_id, json.dumps(run), run_id),
        )
    return left_id


def successors(platform: RunningPlatform, run_id: str) -> list[str]:
    runs = platform.graphql(RUNS, job=JOB)["runsOrError"]["results"]
    return [run["runId"] for run in runs if run["parentRunId"] == run_id]


@pytest.fixture
def healthy(platform: RunningPlatform) -> Iterator[RunningPlatform]:
    """The platform, without faults before and after."""
    wait_for(platform.is_healthy, seconds=60, what="the platform is healthy")
    yield platform
    platform.run("simulate", "clear")


def test_a_permanent_error_is_tried_once_by_everybody(healthy: RunningPlatform) -> None:
    # A name that is an object in every row: no answer can be read, however often it is asked.
    for provider in PROVIDERS:
        healthy.run("simulate", "fault", "field_changes_type", "--field", "name", "--provider", provider)
    run_id = healthy.launch(JOB)
    ended = wait_for(
        lambda: found if (found := Run(healthy, run_id)).status in {"FAILURE", "SUCCESS"} else None,
        seconds=ENDS_WITHIN_SECONDS,
        what="the run has ended",
    )
    assert ended.status == "FAILURE"
    # The policy of the step: three more tries, twenty seconds apart, had the error been one that may pass.
    assert "ExecutionStepUpForRetryEvent" not in ended.events
    assert ended.events.count("ExecutionStepStartEvent") == 1
    # The retries of the run: Dagster decides about them after it has said that the run failed.
    will_retry = wait_for(
        lambda: Run(healthy, run_id).tags.get("dagster/will_retry"), seconds=30, what="it is decided about retries"
    )
    assert will_retry == "false"
    assert successors(healthy, run_id) == []
    # Our own loop of attempts.
    asked = "SELECT provider, max(attempt) FROM raw.fetches WHERE run_id = %s GROUP BY provider ORDER BY provider"
    assert healthy.rows(asked, run_id) == [(provider, 1) for provider in PROVIDERS]


def test_a_run_that_hangs_is_ended_and_frees_its_worker_and_its_slot(healthy: RunningPlatform) -> None:
    healthy.run("simulate", "fault", "hang", "--provider", "coingecko")
    run_id = healthy.launch(JOB, {"dagster/max_runtime": "15", "dagster/max_retries": "0"})
    wait_for(lambda: run_id in holders(healthy), seconds=BEGINS_WITHIN_SECONDS, what="the run holds a slot of its pool")
    ended = wait_for(
        lambda: found if (found := Run(healthy, run_id)).status in {"FAILURE", "CANCELED", "SUCCESS"} else None,
        seconds=ENDS_WITHIN_SECONDS,
        what="the run is ended",
    )
    assert ended.status != "SUCCESS"
    assert any("maximum runtime" in text for text in ended.messages)
    wait_for(lambda: run_id not in holders(healthy), seconds=ENDS_WITHIN_SECONDS, what="its slot is free")
    healthy.run("simulate", "clear")
    after = healthy.launch(JOB)
    wait_for(lambda: Run(healthy, after).status == "SUCCESS", seconds=ENDS_WITHIN_SECONDS, what="the next run is well")


def test_a_run_that_was_made_and_not_queued_is_started_anew(healthy: RunningPlatform) -> None:
    over = healthy.launch(JOB)
    wait_for(lambda: Run(healthy, over).status == "SUCCESS", seconds=ENDS_WITHIN_SECONDS, what="a run is well")
    left = leave_unqueued(healthy, over)
    (anew,) = wait_for(lambda: successors(healthy, left), seconds=ENDS_WITHIN_SECONDS, what="the run is started anew")
    wait_for(lambda: Run(healthy, anew).status == "SUCCESS", seconds=ENDS_WITHIN_SECONDS, what="the new run is well")
    given_back = Run(healthy, left)
    assert given_back.status == "FAILURE"
    assert any("made but not queued" in message for message in given_back.messages)


def test_a_market_tick_does_not_wait_for_a_run_that_takes_long(healthy: RunningPlatform) -> None:
    with healthy.writing_held_up("candles.symbols"):
        run_id = healthy.launch("symbols_job", {"dagster/max_retries": "0"})
        wait_for(
            lambda: Run(healthy, run_id).status == "STARTED",
            seconds=BEGINS_WITHIN_SECONDS,
            what="the long run is under way",
        )
        ((since,),) = healthy.rows("SELECT now()")
        wait_for(
            lambda: healthy.rows(TICKS, since),
            seconds=ENDS_WITHIN_SECONDS,
            what="the tick of a minute begun since then",
        )
        assert Run(healthy, run_id).status == "STARTED"
    wait_for(lambda: Run(healthy, run_id).status == "SUCCESS", seconds=ENDS_WITHIN_SECONDS, what="the long run is well")
