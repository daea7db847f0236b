"""The resources that assets ask for. They read the settings when a run begins, never at import."""

from __future__ import annotations

import dagster as dg

from cryptoflow.errors import UsageError
from cryptoflow.runtime.bootstrap import dagster_url_beside
from cryptoflow.settings import Settings, load_settings


class WarehouseResource(dg.ConfigurableResource):
    """The warehouse of this platform: its settings and the URL of its database."""

    def settings(self) -> Settings:
        """The settings in force now."""
        return load_settings()

    @property
    def database_url(self) -> str:
        """Where the tables are."""
        return _given(self.settings().database_url, "CRYPTOFLOW_DATABASE_URL")

    @property
    def dagster_database_url(self) -> str:
        """Where Dagster keeps its own record."""
        given = self.settings().dagster_database_url
        return given.get_secret_value() if given else dagster_url_beside(self.database_url)

    @property
    def redis_url(self) -> str:
        """Where the cache and the shared limits are."""
        return _given(self.settings().redis_url, "CRYPTOFLOW_REDIS_URL")


def resources() -> dict[str, object]:
    """Every resource by the name that assets use."""
    return {"warehouse": WarehouseResource()}


def _given(secret, variable: str) -> str:
    if secret is None:
        raise UsageError(
            f"{variable} is not set in the process that runs this asset.",
            cure="Start the platform with `cryptoflow up`, which sets it for every process, or set it yourself.",
        )
    return secret.get_secret_value()
