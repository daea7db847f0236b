"""Every setting of cryptoflow: its type, meaning, default and origin. The only reader of the environment.

Values come from the process environment (`CRYPTOFLOW_...`), else from a `.env` file in the working folder,
else from the default here. Secrets are `SecretStr`: they print as stars wherever they are shown.
What does not belong here: anything that acts on a setting.
"""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dotenv import dotenv_values
from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from cryptoflow.errors import UsageError

ENV_PREFIX = "CRYPTOFLOW_"
ENV_FILE = ".env"


class Settings(BaseSettings):
    """What is in force. Field order is the order of `cryptoflow config` and of `.env.example`."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_file=ENV_FILE, env_ignore_empty=True, extra="ignore", frozen=True
    )

    home: Path | None = Field(
        default=None, description="Folder of databases, logs and endpoints.json. Default: the platform's data folder."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="How much the processes log."
    )

    database_url: SecretStr | None = Field(
        default=None, description="postgresql:// URL of an external server (18 or newer). Unset: the embedded one."
    )
    dagster_database_url: SecretStr | None = Field(
        default=None,
        description="postgresql:// URL of Dagster's own database. Unset: `<warehouse>_dagster` beside it.",
    )
    redis_url: SecretStr | None = Field(
        default=None, description="redis:// URL of an external Valkey or Redis. Unset: the embedded Valkey."
    )
    simulator_url: str | None = Field(
        default=None,
        description="Base URL of a running simulator. When set, every provider is asked there, none in the world.",
    )

    bind_host: str = Field(default="127.0.0.1", description="Address that the web pages and the simulator listen on.")
    dagster_port: int = Field(default=3000, ge=1, le=65535, description="Port of the Dagster UI; a busy one moves on.")
    simulator_port: int = Field(default=8900, ge=1, le=65535, description="Port of the simulator; a busy one moves on.")
    workers: int = Field(default=1, ge=1, le=64, description="Warm workers, beside the one for market ticks.")
    database_pool_size: int = Field(default=4, ge=1, le=64, description="Connections that each process may keep.")

    universe_size: int = Field(
        default=250, ge=1, le=20_000, description="How many assets by market cap the catalog asks each provider for."
    )
    candle_exchanges: str = Field(
        default="binance,coinbase", description="Exchanges whose candles and trades are collected, by comma."
    )
    candle_top: int = Field(
        default=20, ge=0, le=500, description="Of so many of the largest assets, each exchange's main pair is followed."
    )
    candle_symbols: str = Field(
        default="", description="Pairs that are followed besides, by comma, e.g. binance:ETHBTC,coinbase:SOL-EUR."
    )
    payload_retention_days: int = Field(default=7, ge=1, description="Days a raw answer is kept after it last came.")

    run_retention_days: int = Field(
        default=3, ge=1, description="Days that Dagster's record of a run that went well is kept, its events included."
    )
    failed_run_retention_days: int = Field(default=30, ge=1, description="The same for a run that failed.")

    alert_webhook_url: SecretStr | None = Field(
        default=None, description="URL that alerts are posted to, as Slack takes them. Unset: none."
    )
    alert_smtp_url: SecretStr | None = Field(
        default=None, description="smtp:// or smtps:// URL of the mail server for alerts, with user and password."
    )
    alert_mail_from: str = Field(default="", description="Who alerts by mail come from.")
    alert_mail_to: str = Field(default="", description="Who gets alerts by mail; several with commas between.")
    alert_after: int = Field(
        default=3,
        ge=1,
        le=60,
        description="Looks in a row, a minute apart, before something is told, or told to be over.",
    )
    alert_level: Literal["broken", "warning"] = Field(default="broken", description="What is told, and all above it.")

    contact: str = Field(
        default="",
        description="Address or page of yours, sent in the User-Agent so that a provider can reach you. Empty: none.",
    )
    http_connect_timeout_seconds: float = Field(default=5.0, gt=0, description="Longest wait for a connection.")
    http_read_timeout_seconds: float = Field(default=20.0, gt=0, description="Longest silence within an answer.")
    http_total_timeout_seconds: float = Field(default=60.0, gt=0, description="Longest time for one answer in all.")
    http_attempts: int = Field(default=4, ge=1, le=10, description="Tries for one request when the fault may pass.")
    http_max_body_mebibytes: int = Field(default=64, ge=1, description="An answer larger than this is refused.")

    coingecko_plan: Literal["keyless", "demo", "pro"] = Field(
        default="keyless", description="Decides host and header together: a key fits only the host of its plan."
    )
    coingecko_api_key: SecretStr | None = Field(default=None, description="Key of the demo or pro plan.")
    coingecko_calls_per_minute: int | None = Field(
        default=None, ge=1, description="Overrides the plan's rate (keyless 5, demo 30, pro 500)."
    )
    coingecko_calls_per_month: int | None = Field(
        default=None, ge=1, description="Overrides the plan's month (keyless 10000, demo 10000, pro 500000)."
    )
    coinmarketcap_api_key: SecretStr | None = Field(
        default=None, description="Key of CoinMarketCap. Unset: CoinMarketCap is not asked."
    )
    coinmarketcap_calls_per_minute: int | None = Field(
        default=None, ge=1, description="Overrides the plan's rate (Basic 30)."
    )
    coinmarketcap_credits_per_month: int | None = Field(
        default=None, ge=1, description="Overrides the plan's month (Basic 10000 credits)."
    )

    binance_weight_per_minute: int | None = Field(
        default=None, ge=20, description="Request weight that Binance is asked for in a minute (default 4800 of 6000)."
    )
    coinbase_calls_per_second: int | None = Field(
        default=None, ge=1, description="Calls that Coinbase Exchange is asked in a second (default 8 of 10)."
    )

    simulator_assets: int = Field(default=250, ge=12, le=20_000, description="Assets in the simulated market.")
    simulator_seed: int = Field(default=1, ge=0, description="Seed of the simulated market; same seed, same world.")

    @property
    def exchanges(self) -> tuple[str, ...]:
        """The exchanges that are collected, each once."""
        return tuple(dict.fromkeys(_listed(self.candle_exchanges)))

    @property
    def extra_symbols(self) -> dict[str, tuple[str, ...]]:
        """The pairs that are followed besides, by exchange."""
        named = [pair.partition(":") for pair in _listed(self.candle_symbols)]
        return {exchange: tuple(symbol for other, _, symbol in named if other == exchange) for exchange, _, _ in named}

    @property
    def home_path(self) -> Path:
        """The home in force, absolute."""
        return (self.home or user_data_path("cryptoflow")).expanduser().absolute()


def _listed(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def load_settings(**overrides: object) -> Settings:
    """Read the settings now. `overrides` (command-line options) win; None means 'not given'."""
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        raise UsageError(_explain(error), cure="Correct it; `cryptoflow config` shows what is in force.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"The file {Path(ENV_FILE).absolute()} could not be read: {error}.",
            cure="Make it a readable text file in UTF-8, or move it away.",
        ) from None


def _explain(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else "?"
    return f"The setting {ENV_PREFIX}{name.upper()} is not usable: {first['msg']}."


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingOrigin:
    """One line of `cryptoflow config`."""

    name: str
    variable: str
    value: object
    origin: Literal["environment", ".env", "default"]
    description: str


def explain_settings(settings: Settings) -> list[SettingOrigin]:
    """Every setting with its (masked) value and where it came from."""
    in_environment = {name.upper() for name, value in os.environ.items() if value}
    in_file = {name.upper() for name, value in dotenv_values(ENV_FILE).items() if value}
    rows = []
    for name, field in type(settings).model_fields.items():
        variable = f"{ENV_PREFIX}{name.upper()}"
        origin: Literal["environment", ".env", "default"] = "default"
        if variable in in_environment:
            origin = "environment"
        elif variable in in_file:
            origin = ".env"
        rows.append(
            SettingOrigin(
                name=name,
                variable=variable,
                value=_masked(getattr(settings, name)),
                origin=origin,
                description=field.description or "",
            )
        )
    return rows


def _masked(value: object) -> object:
    if isinstance(value, SecretStr):
        return str(value)
    return str(value) if isinstance(value, Path) else value


def unknown_variables() -> list[tuple[str, str | None]]:
    """`CRYPTOFLOW_...` names that no setting has, each with the nearest known name: a typo is told, not ignored."""
    known = {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields}
    seen = {name.upper() for name in (*os.environ, *dotenv_values(ENV_FILE)) if name.upper().startswith(ENV_PREFIX)}
    return [(name, _nearest(name)) for name in sorted(seen - known) if not name.startswith(INTERNAL_PREFIXES)]


def _nearest(variable: str) -> str | None:
    """The known name most like it. The prefix, which all share, would make any two alike."""
    word = variable.removeprefix(ENV_PREFIX).lower()
    found = difflib.get_close_matches(word, Settings.model_fields, n=1)
    return f"{ENV_PREFIX}{found[0].upper()}" if found else None


# Set by the supervisor for its children, or by the tests; not settings of a person.
INTERNAL_PREFIXES = (f"{ENV_PREFIX}DAGSTER_PG_", f"{ENV_PREFIX}CODE_", f"{ENV_PREFIX}INTERNAL_")
