"""Every minute that was due has a state, for every provider; where nothing was told, it is known why nobody could.

Due are the minutes that the platform's schedule had, and those that the soak drove. A minute without a row is told by
`cryptoflow gaps` as one in which nothing was collected: that is believed only where the run failed, the schedule
skipped or failed, or a part was killed just then.
What does not belong here: whether what was observed is true (answers).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg

from cryptoflow.collect.candle_spans import SETTLED_AFTER
from cryptoflow.collect.planning import DATASET
from cryptoflow.warehouse.candle_gaps import find_candle_gaps
from cryptoflow.warehouse.gaps import find_gaps
from soak.checks.verdict import Verdict, verdict
from soak.journal import Journal
from soak.running import SLOT_TAG, TICK_JOB

MINUTE: Final = timedelta(minutes=1)
_SCHEDULE: Final = "market_tick_every_minute"
# A tick that was due may begin late, and a part that was killed takes a while to be back.
_KILLED_BEFORE_SECONDS: Final = 90.0
_BACK_AFTER_SECONDS: Final = 90.0
_TOLD: Final = "SELECT provider, slot, state, reason, assets_observed FROM ops.slots WHERE dataset = %s"
_RUNS: Final = """
SELECT run_tags.value, runs.status FROM runs
INNER JOIN run_tags ON runs.run_id = run_tags.run_id AND run_tags.key = %s
WHERE runs.pipeline_name = %s
"""
_TICKS: Final = """
SELECT timestamp, status FROM job_ticks WHERE tick_body::jsonb ->> 'job_name' = %s
"""
_UNTOLD_SAMPLES: Final = """
SELECT DISTINCT samples.provider, samples.slot FROM raw.market_snapshots AS samples
LEFT JOIN ops.slots AS slots
    ON slots.dataset = %s AND samples.provider = slots.provider AND samples.slot = slots.slot
        AND slots.state = 'observed'
WHERE slots.slot IS NULL
"""
_CANDLES: Final = """
SELECT symbols.exchange, symbols.symbol, minutes.symbol_id, min(minutes.open_time), max(minutes.open_time)
FROM candles.minute_candles AS minutes INNER JOIN candles.symbols AS symbols ON minutes.symbol_id = symbols.symbol_id
GROUP BY symbols.exchange, symbols.symbol, minutes.symbol_id
"""
_LOST: Final = frozenset({"FAILURE", "CANCELED"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """What Dagster and the journal know of the minutes."""

    runs: Mapping[datetime, set[str]]
    """How the ticks of a minute ended."""
    ticks: Mapping[datetime, set[str]]
    """What became of the schedule's turn."""
    journal: Journal

    def excuse(self, slot: datetime) -> str | None:
        """Why nothing could be told of the minute; None: there is no reason."""
        ended = self.runs.get(slot, set())
        if "SUCCESS" in ended:
            return None
        if ended & _LOST:
            return "its run failed"
        if not ended and (turn := self.ticks.get(slot, set()) & {"SKIPPED", "FAILURE"}):
            return f"its turn was {'skipped' if 'SKIPPED' in turn else 'lost'}"
        if self.journal.kill_near(slot.timestamp(), before=_KILLED_BEFORE_SECONDS, after=_BACK_AFTER_SECONDS):
            return "a part was killed"
        return None


def slots_have_states(database_url: str, dagster_database_url: str, journal: Journal) -> Verdict:
    """Look at every minute that was due, for every provider."""
    with psycopg.connect(database_url, options="-c timezone=UTC") as connection:
        told = {(row[0], row[1]): row[2:] for row in connection.execute(_TOLD, (DATASET,))}
        without = connection.execute(_UNTOLD_SAMPLES, (DATASET,)).fetchall()
    accounts = read_accounts(dagster_database_url, journal)
    due = _due(journal)
    breaks = [
        f"raw.market_snapshots has samples of {provider} in {slot}, which is not observed" for provider, slot in without
    ]
    excused: dict[str, int] = {}
    # What was before a provider's first slot is no gap of it.
    firsts = {name: min(slot for other, slot in told if other == name) for name, _ in told}
    for provider in sorted({name for name, _ in told}):
        known = _gaps(database_url, due)
        for slot in due:
            if (provider, slot) in told:
                breaks += _badly_told(provider, slot, *told[provider, slot])
            elif slot > firsts[provider] and (provider, slot) not in known:
                breaks.append(
                    f"ops.slots {provider} {slot:%F %H:%M}: no state, and `cryptoflow gaps` knows nothing of it"
                )
            elif (why := accounts.excuse(slot)) is None:
                breaks.append(f"ops.slots {provider} {slot:%F %H:%M}: no state, and nothing explains it")
            else:
                excused[why] = excused.get(why, 0) + 1
    words = ", ".join(f"{count} because {why}" for why, count in sorted(excused.items()))
    return verdict(
        "every slot that was due has a state",
        breaks,
        looked_at=len(due) * len({name for name, _ in told}),
        unit="slots",
        told=f"nobody was there to tell: {words}" if words else "",
    )


def minutes_have_states(database_url: str) -> Verdict:
    """Of each pair every minute since its first candle has one, or a state; the newest are still asked for."""
    breaks: list[str] = []
    looked_at = 0
    with psycopg.connect(database_url, options="-c timezone=UTC") as connection:
        for exchange, symbol, symbol_id, first, last in connection.execute(_CANDLES).fetchall():
            settled = max(first, last - SETTLED_AFTER)
            looked_at += (settled - first) // MINUTE + 1
            gaps = find_candle_gaps(connection, symbol_id, now=last + SETTLED_AFTER, start=first, end=settled)
            breaks += [
                f"candles.candle_slots {exchange}:{symbol} {gap.starts:%F %H:%M}: no candle, and nothing says why"
                for gap in gaps
                if gap.reason is None
            ]
    return verdict("every minute has a candle or a state", breaks, looked_at=looked_at, unit="minutes")


def read_accounts(dagster_database_url: str, journal: Journal) -> Accounts:
    """From Dagster's own database."""
    runs: dict[datetime, set[str]] = {}
    ticks: dict[datetime, set[str]] = {}
    with psycopg.connect(dagster_database_url, options="-c timezone=UTC") as connection:
        for slot, status in connection.execute(_RUNS, (SLOT_TAG, TICK_JOB)):
            runs.setdefault(datetime.fromisoformat(slot), set()).add(status)
        for at, status in connection.execute(_TICKS, (_SCHEDULE,)):
            ticks.setdefault(at.replace(tzinfo=UTC), set()).add(status)
    return Accounts(runs=runs, ticks=ticks, journal=journal)


def _due(journal: Journal) -> list[datetime]:
    """The schedule's minutes from the first fault on until the platform was stopped, and those that were driven."""
    stops = next(journal.all("stopping"))["at"]
    begins = next(journal.all("world"))["at"]
    first = datetime.fromtimestamp(begins // 60 * 60 + 60, UTC)
    # The tick of the minute that is not over yet may still be under way.
    scheduled = int((stops - first.timestamp() - 60) // 60)
    driven = {datetime.fromisoformat(entry["slot"]) for entry in journal.all("tick")}
    return sorted({first + number * MINUTE for number in range(scheduled)} | driven)


def _gaps(database_url: str, due: list[datetime]) -> set[tuple[str, datetime]]:
    """Every minute that the platform itself calls missing."""
    if not due:
        return set()
    found = find_gaps(database_url, dataset=DATASET, starts=due[0], ends=due[-1] + MINUTE, planned=True)
    return {
        (gap.provider, gap.starts.astimezone(UTC) + number * MINUTE)
        for gap in found
        if gap.asset is None
        for number in range(gap.slots)
    }


def _badly_told(provider: str, slot: datetime, state: str, reason: str | None, observed: int) -> Iterator[str]:
    where = f"ops.slots {provider} {slot:%F %H:%M}"
    if state == "observed" and not observed:
        yield f"{where}: observed, but without an asset"
    elif state != "observed" and not reason:
        yield f"{where}: {state}, but nothing says why"
