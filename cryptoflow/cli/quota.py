"""`cryptoflow quota`: what the keys allow, how the collection is fitted to it, and who gets slower.

What does not belong here: making the plan (collect.planning).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import typer

from cryptoflow.cli.options import HomeOption, JsonOption
from cryptoflow.cli.output import Format, Rows, print_json, print_rows
from cryptoflow.refine.quota_model import ProviderPlan, QuotaPlan
from cryptoflow.settings import load_settings

app = typer.Typer()

_CHANGES_SHOWN = 10


@app.command()
def quota(json: JsonOption = False, home: HomeOption = None) -> None:
    """Print the collection plan: allowance, cadence of each tier, when the quota would be exhausted, and why."""
    from cryptoflow.collect.planning import current_plan
    from cryptoflow.runtime.session import database_for_command
    from cryptoflow.warehouse.quota_plans import recent_changes

    settings = load_settings(home=home)
    with database_for_command(settings) as endpoints:
        settings = settings.model_copy(update={"simulator_url": endpoints.simulator_url})
        in_force = current_plan(settings, endpoints.database_url, endpoints.redis_url, now=datetime.now(UTC))
        changed = recent_changes(endpoints.database_url, most=_CHANGES_SHOWN)
    if json:
        plan = msgspec.to_builtins(in_force.plan, enc_hook=str)
        told = {"origins": dict(in_force.origins), "notes": list(in_force.notes), "troubles": list(in_force.troubles)}
        print_json({**plan, **told, "changes": changed})
        return
    print_rows(Rows(columns=_COLUMNS, rows=_lines(in_force.plan)), form=Format.TABLE)
    for sentence in in_force.words:
        typer.echo(f"- {sentence}")
    if changed:
        typer.echo("\nThe newest changes of the plan:")
        for line in _change_lines(changed):
            typer.echo(line)


def _change_lines(changed: list[dict[str, Any]]) -> list[str]:
    lines = []
    for change in changed:
        head = f"{change['planned_at']:%Y-%m-%d %H:%M} UTC"
        sentences = change["changes"] or [f"{change['provider']}: nobody became slower or faster."]
        lines += [f"- {head} ({change['cause']}) {sentence}" for sentence in sentences]
    return lines


_COLUMNS = ("provider", "ranks", "assets", "refreshed every", "calls", "planned / allowed", "lasts until")


def _lines(plan: QuotaPlan) -> list[tuple[object, ...]]:
    return [_line(provider, place) for provider in plan.providers for place in range(len(provider.tiers))]


def _line(plan: ProviderPlan, place: int) -> tuple[object, ...]:
    tier = plan.tiers[place]
    allowed = plan.allowance.units_per_period
    last_rank = tier.tier.last_rank or "end"
    return (
        plan.allowance.provider,
        f"{tier.tier.first_rank}-{last_rank}",
        tier.assets,
        f"{tier.cadence_minutes} min" if tier.cadence_minutes else "never",
        tier.calls_per_refresh,
        f"{plan.planned_units} / {'no limit' if allowed is None else allowed} {plan.allowance.unit}",
        f"{plan.exhausted_at:%Y-%m-%d}" if plan.exhausted_at else "for ever",
    )
