"""A soak from end to end: world, platform, disturbances, recovery, and the checks when everything stands still.

The checks read the database of the stopped platform, started alone as for any command: what they compare holds still,
and is what a person would find on the disk. What does not belong here: options and words on the terminal (__main__).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptoflow.runtime.session import database_for_command
from cryptoflow.settings import load_settings
from cryptoflow.simulator.market.model import Market
from soak.checks import answers, bounds, exchanges, keys, rebuilt, slots
from soak.checks.bounds import Memory
from soak.checks.verdict import Verdict
from soak.figures import Figures, measure
from soak.journal import Journal
from soak.plan import draw
from soak.running import Soaked, soaked_platform
from soak.trial import RECOVERY_SECONDS, Recovery, await_first_rows, disturb, let_recover
from soak.world import seconds_behind, simulated_world

JOURNAL: Final = "soak.jsonl"
HOME: Final = "home"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is soaked, and how long."""

    seed: int
    minutes: float
    speed: float
    assets: int
    patience_seconds: float = RECOVERY_SECONDS
    """How long the recovery may take."""

    @property
    def again(self) -> str:
        """The command that repeats it."""
        words = f"--seed {self.seed} --minutes {self.minutes:g} --speed {self.speed:g} --assets {self.assets}"
        return f"make soak ARGS='{words}'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of a soak."""

    options: Options
    folder: str
    again: str
    faults: int
    kills: int
    driven_ticks: int
    recovery_seconds: float
    memory: Sequence[Memory]
    verdicts: Sequence[Verdict]

    @property
    def holds(self) -> bool:
        """Whether every invariant does."""
        return all(one.holds for one in self.verdicts)


def soak(options: Options, folder: Path, *, say: Say) -> Report:
    """Do it all; the folder has the home and the journal afterwards."""
    seconds = options.minutes * 60
    behind = seconds_behind(seconds=seconds, speed=options.speed)
    journal = Journal(folder / JOURNAL)
    journal.write("soak", seed=options.seed, minutes=options.minutes, speed=options.speed, assets=options.assets)
    home = folder / HOME
    say("starting the simulated world and the platform")
    with (
        simulated_world(folder, seed=options.seed, assets=options.assets, behind=behind) as world,
        soaked_platform(home, world) as platform,
    ):
        await_first_rows(platform, journal)
        plan = draw(options.seed, seconds=seconds)
        measured = disturb(
            platform,
            world,
            journal,
            plan,
            seconds=seconds,
            on_progress=lambda passed: say(f"disturbing: {passed:.0f} of {seconds:.0f} s"),
        )
        say("faults cleared: waiting until it has recovered")
        recovery = let_recover(platform, world, journal, patience=options.patience_seconds)
        measured.append(measure(platform, world))
        _stop(platform, journal)
    say("comparing what is stored with what the world says")
    return Report(
        options=options,
        folder=str(folder),
        again=options.again,
        faults=sum(1 for _ in journal.all("fault")),
        kills=sum(1 for _ in journal.all("kill")),
        driven_ticks=sum(1 for _ in journal.all("tick")),
        recovery_seconds=recovery.seconds,
        memory=bounds.memory_of(measured),
        verdicts=look(home, options, journal, measured=measured, recovery=recovery),
    )


def _stop(platform: Soaked, journal: Journal) -> None:
    journal.write("stopping")
    platform.command("down")
    # What a run had marked when it was stopped is built; the database runs alone for as long.
    platform.command("refine", "--until-idle")


def look(
    home: Path, options: Options, journal: Journal, *, measured: Sequence[Figures], recovery: Recovery
) -> list[Verdict]:
    """Every check on the home of a stopped platform."""
    market = Market(seed=options.seed, asset_count=options.assets)
    with database_for_command(load_settings(home=home)) as endpoints:
        url = endpoints.database_url
        return [
            keys.keys_are_unique(url),
            answers.samples_stand_in_answers(url),
            answers.points_stand_in_answers(url),
            answers.answers_are_true(url, market, journal),
            exchanges.trades_are_true(url, market, journal),
            exchanges.no_trade_is_missing(url, market, journal),
            exchanges.minutes_are_true(url, market, journal),
            *rebuilt.closes_follow(url),
            rebuilt.candles_follow(url),
            slots.slots_have_states(url, endpoints.dagster_database_url, journal),
            slots.minutes_have_states(url),
            bounds.it_recovered(recovery),
            bounds.nothing_waits(url, endpoints.dagster_database_url),
            bounds.memory_is_bounded(measured),
            bounds.event_log_is_bounded(measured),
        ]
