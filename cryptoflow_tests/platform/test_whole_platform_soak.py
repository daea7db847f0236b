"""A minute of the soak, on a platform of its own: faults and kills at once, and every invariant holds afterwards.

Ten minutes of it are in `make nightly`. That each check sees a break is proven where rows can be spoiled one by one
(database/test_soak_checks.py, unit/test_soak.py).
"""

from __future__ import annotations

import pytest

from soak.soaking import Options, Report, soak

# Kills the database and a worker in the first half, and makes CoinGecko lie.
SEED = 321
RECOVERS_WITHIN_SECONDS = 120.0


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    options = Options(seed=SEED, minutes=1, speed=60, assets=20, patience_seconds=RECOVERS_WITHIN_SECONDS)
    return soak(options, tmp_path_factory.mktemp("soak"), say=lambda _: None)


def test_a_minute_of_faults_and_kills_breaks_no_invariant(report: Report) -> None:
    breaks = [f"{one.invariant}: {sentence}" for one in report.verdicts for sentence in one.breaks]
    assert breaks == [], f"{report.again}; see {report.folder}"
    assert report.holds


def test_it_was_a_soak(report: Report) -> None:
    assert report.faults >= 5
    assert report.kills == 2
    assert report.driven_ticks >= 1
    looked_at = {one.invariant: one.looked_at for one in report.verdicts}
    assert looked_at["every snapshot stands in a kept answer"] >= 2 * 15
    assert looked_at["every trade happened"] > 0
    assert {one.part for one in report.memory} >= {"postgres", "valkey", "worker-1", "worker-2", "daemon", "collector"}
