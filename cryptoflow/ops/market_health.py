"""The doctor's look at the market spine: the last tick of each provider, staleness, gaps, refusals, and the quota.

Nothing is said of a market that was never collected. What does not belong here: printing, changing anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg

from cryptoflow.cadence import Grain, bucket_end
from cryptoflow.collect.planning import DATASET, PlanInForce, current_plan
from cryptoflow.contracts.closes import CLOSES
from cryptoflow.ops.finding import Finding, broken, ok, warning
from cryptoflow.ops.rows import found_rows, require_answer
from cryptoflow.refine.quota_model import ProviderPlan
from cryptoflow.refine.quota_words import silence_words
from cryptoflow.runtime.home import Endpoints
from cryptoflow.settings import Settings
from cryptoflow.warehouse.gaps import find_gaps

LOOKED_BACK: Final = timedelta(days=1)
REFUSALS_LOOKED_AT: Final = timedelta(hours=1)
ANSWERS_LOOKED_AT: Final = timedelta(minutes=10)
# A tick takes a while, and the one after it is allowed to fail before anybody is called.
_GRACE: Final = timedelta(minutes=3)
_SEE_QUARANTINE: Final = "`cryptoflow quarantine list` has each row with its rule; the next tick asks again by itself."
_ASKED_AGAIN: Final = "It is asked again in its next slot; `cryptoflow gaps` shows since when."


def look_at_market(settings: Settings, endpoints: Endpoints | None) -> list[Finding]:
    """The last tick of every provider, and what is stale, missing or refused since."""
    if endpoints is None:
        return []
    newest = found_rows(endpoints, "ops/select_newest_slots", {"dataset": DATASET})
    if not newest:
        return []
    plans = _plans(settings, endpoints)
    findings: list[Finding] = []
    for provider, due_slot, observed_slot, state, reason, details in newest:
        findings += _last_tick(endpoints, provider, due_slot, state, reason, details or {})
        findings += _stale_provider(provider, observed_slot, plans.get(provider))
    findings += _slow_answers(settings, endpoints)
    findings += _stale_closes(endpoints, plans)
    findings += _gaps(endpoints)
    findings += _quarantined(endpoints)
    return findings or [ok("market", "the last tick of every provider is whole, and every close is fresh")]


def _plans(settings: Settings, endpoints: Endpoints) -> Mapping[str, ProviderPlan]:
    """The plans in force, by provider; none when they cannot be made, which is a finding of the quota."""
    in_force = _plan_in_force(settings, endpoints)
    return {plan.allowance.provider: plan for plan in in_force.plan.providers} if in_force else {}


def _plan_in_force(settings: Settings, endpoints: Endpoints) -> PlanInForce | None:
    """None when the tables that it is made from are not there yet: missing migrations are a finding of their own."""
    told = settings.model_copy(update={"simulator_url": endpoints.simulator_url})
    try:
        return current_plan(told, endpoints.database_url, endpoints.redis_url, now=datetime.now(UTC))
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
        return None


def _last_tick(
    endpoints: Endpoints, provider: str, slot: datetime, state: str, reason: str | None, details: Mapping[str, Any]
) -> Iterator[Finding]:
    """The newest slot in which the provider was due: whether it was observed, and what was wrong with what came."""
    at = f"{slot:%Y-%m-%d %H:%M} UTC"
    if state != "observed":
        said = f"the last tick, {at}, brought nothing ({state}): {reason}"
        yield broken(provider, said, cure=_ASKED_AGAIN)
    waiting = details.get("waiting", ())
    if refused := {rule: rows for rule, rows in details.get("refused", {}).items() if rule not in waiting}:
        rules = ", ".join(f"{rule} {count}" for rule, count in refused.items())
        what = f"{_counted(sum(refused.values()), 'row')} refused in the last tick, {at}: {rules}"
        yield warning(provider, what, cure=_SEE_QUARANTINE)
    for one in details.get("warnings", ()):
        # Answers that wait in quarantine are one finding of their own for as long as they wait.
        if one["nature"] in waiting:
            continue
        yield warning(
            provider,
            f"{one['nature']} in the last tick, {at}: {one['what']}",
            cure="See the provider's status page; raw.payloads has the answers. It is judged anew at each tick.",
        )
    yield from _page_troubles(provider, at, details)
    counts = {"dataset": DATASET, "provider": provider, "slot": slot}
    for asset_state, why, assets in found_rows(endpoints, "ops/count_slot_exceptions", counts):
        if str(why).startswith(("Its row was refused", "Its page waits in quarantine")):
            continue
        what = f"{_counted(assets, 'asset')} not in the last tick, {at} ({asset_state}): {why}"
        yield warning(provider, what, cure="`cryptoflow gaps` names them; they are asked again with their page.")


def _page_troubles(provider: str, at: str, details: Mapping[str, Any]) -> Iterator[Finding]:
    for name, words in (
        ("failed_pages", "pages failed"),
        ("empty_pages", "pages came empty"),
        ("repeated_pages", "pages came with the same rows"),
    ):
        # A page beyond the end of the list is empty, and nothing is missing from it.
        if (pages := details.get(name)) and not (name == "empty_pages" and not details.get("absent")):
            yield warning(provider, f"{words} in the last tick, {at}: {'; '.join(pages)}", cure=_ASKED_AGAIN)
    if twice := details.get("duplicate_ids"):
        yield warning(
            provider,
            f"{_counted(len(twice), 'asset')} came twice in the last tick, {at}",
            cure="One row of each is stored. Ranks that move between pages do this to a few; many are the provider's.",
        )


def _stale_provider(provider: str, observed: datetime | None, plan: ProviderPlan | None) -> Iterator[Finding]:
    """Whether the newest slot that was observed is older than the plan explains."""
    paces = [tier.cadence_minutes for tier in plan.tiers if tier.cadence_minutes] if plan else []
    if not paces:
        return
    subject = f"{DATASET} from {provider}"
    if observed is None:
        yield broken(subject, "it was never observed", cure=_ASKED_AGAIN)
        return
    age = datetime.now(UTC) - observed
    if age > 2 * timedelta(minutes=min(paces)) + _GRACE:
        what = f"stale: observed last {_ago(age)} ago, though it is due every {min(paces)} min"
        yield broken(subject, what, cure=_ASKED_AGAIN)


def _slow_answers(settings: Settings, endpoints: Endpoints) -> Iterator[Finding]:
    """Answers that take so long that they may soon be given up."""
    limit = settings.http_read_timeout_seconds
    since = {"since_seconds": ANSWERS_LOOKED_AT.total_seconds()}
    for provider, seconds in found_rows(endpoints, "raw/select_answer_times", since):
        if seconds > limit / 2:
            what = (
                f"slow: answers took {seconds:.1f} s on average in the last 10 minutes; {limit:g} s of silence end one"
            )
            yield warning(
                provider, what, cure="See the network; raise CRYPTOFLOW_HTTP_READ_TIMEOUT_SECONDS if it stays"
            )


def _stale_closes(endpoints: Endpoints, plans: Mapping[str, ProviderPlan]) -> Iterator[Finding]:
    """Closes whose newest bucket is older than its grain and the plans explain."""
    now = datetime.now(UTC)
    paces = [tier.cadence_minutes for plan in plans.values() for tier in plan.tiers if tier.cadence_minutes]
    for name, newest in found_rows(endpoints, "market/select_newest_buckets"):
        grain = Grain(name)
        if newest is None or not paces:
            continue
        # The open bucket is there as soon as anything falls into it, so the newest ended less than a bucket ago.
        due = bucket_end(bucket_end(newest, grain), grain) + 2 * timedelta(minutes=min(paces)) + _GRACE
        if now > due:
            table = f"market.{CLOSES[grain].name}"
            what = f"stale: its newest {grain} began {_ago(now - newest)} ago"
            yield broken(table, what, cure="See the providers above; `cryptoflow refine` builds what is marked.")


def _gaps(endpoints: Endpoints) -> Iterator[Finding]:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    found = find_gaps(endpoints.database_url, dataset=DATASET, starts=now - LOOKED_BACK, ends=now - _GRACE)
    slots: Counter[tuple[str, str]] = Counter()
    for gap in found:
        if gap.asset is None:
            slots[gap.provider, gap.state] += gap.slots
    for (provider, state), count in sorted(slots.items()):
        cure = "`cryptoflow gaps` lists them with their reasons."
        yield warning(f"{DATASET} from {provider}", f"{_counted(count, 'minute')} of the last day: {state}", cure=cure)


def _quarantined(endpoints: Endpoints) -> Iterator[Finding]:
    since = {"since_seconds": REFUSALS_LOOKED_AT.total_seconds()}
    for dataset, provider, rule, count in found_rows(endpoints, "ops/count_quarantined", since):
        what = f"{_counted(count, 'row')} of {provider} refused in the last hour by the rule {rule}"
        yield warning(f"quarantine of {dataset}", what, cure=_SEE_QUARANTINE)


def look_at_quota(settings: Settings, endpoints: Endpoints | None) -> list[Finding]:
    """What the plan says of each provider: asked as planned, slowed by refusals, or silent; and what is not known."""
    if endpoints is None:
        return []
    require_answer(endpoints)
    in_force = _plan_in_force(settings, endpoints)
    if in_force is None:
        return []
    cure = "It is asked again within the hour; `cryptoflow quota` shows which figures are used."
    return [
        *(_quota_of(plan) for plan in in_force.plan.providers),
        *(warning("quota", trouble, cure=cure) for trouble in in_force.troubles),
    ]


def _quota_of(plan: ProviderPlan) -> Finding:
    given = plan.allowance
    subject = f"quota of {given.provider}"
    if plan.silence is not None:
        return broken(subject, silence_words(plan), cure="Nothing to do but wait, or use a larger plan.")
    if given.rate_factor < 1:
        what = f"slowed after refusals: {given.rate_factor:.0%} of its rate is used; it recovers within ten minutes"
        cure = "`cryptoflow quota` shows who is asked more seldom; lower the rate in the settings if it stays."
        return warning(subject, what, cure=cure)
    if given.units_per_period is None:
        return ok(subject, "no quota; only its rate limits")
    lasts = f"; at this pace it lasts until {plan.exhausted_at:%Y-%m-%d}" if plan.exhausted_at else ""
    return ok(
        subject,
        f"{given.used_units:,} of {given.units_per_period:,} {given.unit} used until {plan.ends_at:%Y-%m-%d}{lasts}",
    )


def _counted(number: int, unit: str) -> str:
    return f"{number:,} {unit}{'' if number == 1 else 's'}"


def _ago(age: timedelta) -> str:
    minutes = round(age.total_seconds() / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} d"
