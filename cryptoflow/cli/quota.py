"""`cryptoflow quota`: what the keys allow, how the collection is fitted to it, and who gets slower."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import typer

from cryptoflow.cli.options import HomeOption, JsonOption
from cryptoflow.cli.output import Format, Rows, print_json, print_rows
from cryptoflow.refine.quota_model import ProviderPlan, QuotaPlan
from cryptoflow.settings import load_settings

app = typer.Typer()


@app.command()
def quota(json: JsonOption = False, home: HomeOption = None) -> None:
    """Print the collection plan: allowance, cadence of each tier, when the quota would be exhausted, and why."""
    from cryptoflow.collect.planning import current_plan
    from cryptoflow.runtime.session import database_for_command
    from cryptoflow.warehouse.usage import PostgresLedger

    settings = load_settings(home=home)
    with database_for_command(settings) as endpoints:
        settings = settings.model_copy(update={"simulator_url": endpoints.simulator_url})
        plan = current_plan(settings, PostgresLedger(endpoints.database_url), now=datetime.now(UTC))
    if json:
        print_json(msgspec.to_builtins(plan, enc_hook=str))
        return
    print_rows(Rows(columns=_COLUMNS, rows=_lines(plan)), form=Format.TABLE)
    for reason in plan.reasons:
        typer.echo(f"- {reason}")


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
