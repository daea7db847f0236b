"""The whole platform as a stranger meets it: started by one command, the catalog there by itself, healing by itself."""

from __future__ import annotations

import json

import pytest

from cryptoflow_tests.running_platform import SMALL_UNIVERSE, RunningPlatform
from cryptoflow_tests.tiers import GIVEN
from cryptoflow_tests.waiting import wait_for

EMBEDDED = [
    part
    for part, setting in (("postgres", "CRYPTOFLOW_DATABASE_URL"), ("valkey", "CRYPTOFLOW_REDIS_URL"))
    if not GIVEN[setting]
]
# What holds data dies alone; of the others those that talk to each other die at once, which is harder than one by one.
KILLED_AT_ONCE = [
    *([part] for part in EMBEDDED),
    ["simulator", "collector", "webserver"],
    ["code-server", "daemon", "worker-ticks", "worker-1"],
]
HEALED_WITHIN_SECONDS = 30.0
# Parts that start at once share the cores, as they import what each of them needs.
FOR_EACH_FURTHER_SECONDS = 15.0
FIRST_ROWS_WITHIN_SECONDS = 120.0
# Noticing a lost run, failing it and starting it anew; a lost worker is noticed after its heartbeat's life.
RECOVERED_WITHIN_SECONDS = 150.0

RUNS = """query($job: String!) { runsOrError(filter: {pipelineName: $job}, limit: 20) {
  ... on Runs { results { runId status tags { key value } } } } }"""
INSTIGATORS = """{ schedulesOrError(repositorySelector: {
    repositoryLocationName: "cryptoflow", repositoryName: "__repository__"}) {
    ... on Schedules { results { name scheduleState { status } } } }
  sensorsOrError(repositorySelector: {repositoryLocationName: "cryptoflow", repositoryName: "__repository__"}) {
    ... on Sensors { results { name sensorState { status } } } }
  instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }"""


def runs_of(platform: RunningPlatform, job: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = platform.graphql(RUNS, job=job)["runsOrError"]["results"]
    return found


def test_the_catalog_fills_by_itself(platform: RunningPlatform) -> None:
    count = wait_for(
        lambda: platform.rows("SELECT count(*) FROM market.assets")[0][0],
        seconds=FIRST_ROWS_WITHIN_SECONDS,
        what="rows in market.assets",
    )
    assert count >= SMALL_UNIVERSE
    runs = wait_for(
        lambda: [run for run in runs_of(platform, "asset_catalog_job") if run["status"] == "SUCCESS"],
        seconds=60,
        what="the run that wrote them ends well",
    )
    tags = {tag["key"] for tag in runs[0]["tags"]}  # type: ignore[attr-defined]
    assert "dagster/sensor_name" in tags, "the daemon must have started it"
    assert "dagster-celery/task_id" in tags, "a warm worker must have executed it"
    said = platform.rows(
        "SELECT provider, status FROM ops.collection_status WHERE dataset = 'market.assets' ORDER BY provider"
    )
    assert said == [("coingecko", "completed"), ("coinmarketcap", "completed")]


def test_every_minute_is_closed_and_rolled_up_by_itself(platform: RunningPlatform) -> None:
    wait_for(
        lambda: platform.rows("SELECT count(DISTINCT slot) FROM ops.slots WHERE state = 'observed'")[0][0] >= 2,
        seconds=240,
        what="two minutes that were observed",
    )
    lost = platform.rows(
        "SELECT m.asset_id FROM market.minute_close AS m"
        " LEFT JOIN market.hourly_close AS h"
        " ON h.asset_id = m.asset_id AND h.bucket = date_trunc('hour', m.bucket, 'UTC')"
        " LEFT JOIN market.monthly_close AS x ON x.asset_id = m.asset_id"
        " WHERE h.asset_id IS NULL OR x.asset_id IS NULL"
    )
    assert lost == [], "closes that no hour or month holds"
    slots = platform.rows("SELECT state, count(*) FROM ops.slots WHERE provider = 'coingecko' GROUP BY state")
    assert dict(slots).keys() == {"observed"}


def test_the_plan_was_told_at_the_start(platform: RunningPlatform) -> None:
    told = (platform.home / "logs" / "supervisor.log").read_text()
    assert "The collection plan" in told
    assert "coingecko: ranks 1-100 are asked every" in told


def test_daemons_schedules_and_sensors_are_on(platform: RunningPlatform) -> None:
    def complaints() -> list[str]:
        data = platform.graphql(INSTIGATORS)
        daemons = data["instance"]["daemonHealth"]["allDaemonStatuses"]
        schedules, sensors = data["schedulesOrError"]["results"], data["sensorsOrError"]["results"]
        off = [x["name"] for x in schedules if x["scheduleState"]["status"] != "RUNNING"]
        off += [x["name"] for x in sensors if x["sensorState"]["status"] != "RUNNING"]
        off += [x["daemonType"] for x in daemons if x["required"] and not x["healthy"]]
        assert schedules
        assert sensors
        return off

    wait_for(lambda: not complaints(), seconds=60, what="every daemon, schedule and sensor is on")


def test_status_and_doctor_find_nothing_broken(platform: RunningPlatform) -> None:
    wait_for(platform.is_healthy, seconds=60, what="status says that all is well")
    findings = json.loads(platform.run("doctor", "--json", check=False).stdout)
    assert [finding for finding in findings if finding["state"] == "broken"] == []
    looked_at = {finding["subject"] for finding in findings}
    assert {"settings", "disk", "platform", "database", "cache", "workers"} <= looked_at, findings


def test_a_second_start_in_the_same_home_says_so(platform: RunningPlatform) -> None:
    second = platform.run("up", "--demo", check=False)
    assert second.returncode == 2
    assert "already runs" in second.stderr
    assert "cryptoflow down" in second.stderr


@pytest.mark.parametrize("names", KILLED_AT_ONCE, ids=" and ".join)
def test_killed_children_heal_and_no_committed_row_is_lost(platform: RunningPlatform, names: list[str]) -> None:
    wait_for(platform.is_healthy, seconds=60, what="the platform is healthy before the kill")
    text = " and ".join(names)
    platform.execute(
        "INSERT INTO ops.quarantine (dataset, provider, rule, reason, row_text, row_sha256)"
        " VALUES ('proof', 'test', 'kill', 'committed just before the kill', %s, sha256(convert_to(%s, 'UTF8')))",
        text,
        text,
    )
    killed = {name: platform.kill(name) for name in names}

    def are_back() -> bool:
        children = platform.endpoints["children"]
        return all(children.get(name) not in (pid, None) for name, pid in killed.items()) and platform.is_healthy()

    within = HEALED_WITHIN_SECONDS + FOR_EACH_FURTHER_SECONDS * (len(names) - 1)
    wait_for(are_back, seconds=within, what=f"{text}: back, and all is well")
    kept = platform.rows("SELECT row_text FROM ops.quarantine WHERE dataset = 'proof' AND row_text = %s", text)
    assert kept == [(text,)]
    run_id = platform.launch("housekeeping_job")
    wait_for(lambda: platform.status_of(run_id) == "SUCCESS", seconds=90, what=f"a run started by hand, after {text}")


def test_a_run_whose_worker_is_killed_is_started_anew(platform: RunningPlatform) -> None:
    wait_for(platform.is_healthy, seconds=60, what="the platform is healthy")
    before = {run["runId"] for run in runs_of(platform, "asset_catalog_job")}
    with platform.writing_held_up("market.assets"):
        run_id = platform.launch("asset_catalog_job")
        wait_for(
            lambda: platform.rows("SELECT 1 FROM ops.collection_status WHERE run_id = %s", run_id),
            seconds=60,
            what="the run is in the middle of its work",
        )
        platform.kill("worker-1")
        wait_for(
            lambda: platform.status_of(run_id) == "FAILURE",
            seconds=RECOVERED_WITHIN_SECONDS,
            what="the lost run is failed",
        )

    def retried() -> list[dict[str, object]]:
        later = [run for run in runs_of(platform, "asset_catalog_job") if run["runId"] not in before | {run_id}]
        return [run for run in later if run["status"] == "SUCCESS"]

    wait_for(retried, seconds=RECOVERED_WITHIN_SECONDS, what="its successor ends well")
    states = platform.rows("SELECT DISTINCT status FROM ops.collection_status WHERE run_id = %s", run_id)
    assert states == [("cancelled",)]
    running = "SELECT count(*) FROM ops.collection_status WHERE dataset = 'market.assets' AND status = 'running'"
    assert platform.rows(running) == [(0,)]
