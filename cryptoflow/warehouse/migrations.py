"""Migrations: bring a database to a revision, and say where it is. Alembic does it; its scripts are in sql/migrations.

What does not belong here: the contents of a migration.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from cryptoflow.errors import PermanentError, TransientError, UsageError
from cryptoflow.resources import resource_path
from cryptoflow.warehouse.policies import record_policies

# Two starters must not migrate at once; the number is arbitrary and only has to be the same everywhere.
_LOCK_KEY: Final = 7_246_001


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One step of the history; `applied_at` is None while it is not in force."""

    version: str
    name: str
    applied_at: datetime | None


def migrate_up(database_url: str, revision: str = "head") -> None:
    """Apply what is missing up to the revision. Does nothing when all is in force."""
    with _connected(database_url) as (config, connection):
        command.upgrade(config, _known(config, revision))
        record_policies(connection)


def migrate_down(database_url: str, revision: str) -> None:
    """Take back everything after the revision; `base` takes back all."""
    with _connected(database_url) as (config, _):
        command.downgrade(config, _known(config, revision))


def history(database_url: str) -> list[Migration]:
    """Every migration, oldest first, with the time it was applied."""
    with _connected(database_url) as (config, connection):
        applied = _applied(connection)
        scripts = reversed(list(ScriptDirectory.from_config(config).walk_revisions()))
        return [
            Migration(version=script.revision, name=script.doc, applied_at=applied.get(script.revision))
            for script in scripts
        ]


def current(database_url: str) -> Migration | None:
    """The newest migration in force."""
    in_force = [migration for migration in history(database_url) if migration.applied_at]
    return in_force[-1] if in_force else None


def _applied(connection: sa.Connection) -> dict[str, datetime]:
    if not connection.scalar(sa.text("SELECT to_regclass('ops.schema_migrations') IS NOT NULL")):
        return {}
    rows = connection.execute(sa.text("SELECT version, applied_at FROM ops.schema_migrations"))
    return {row.version: row.applied_at for row in rows}


def _known(config: Config, revision: str) -> str:
    if revision in {"head", "base"} or revision.startswith("-"):
        return revision
    try:
        ScriptDirectory.from_config(config).get_revision(revision)
    except CommandError:
        raise UsageError(
            f"There is no migration {revision!r}.",
            cure="`cryptoflow migrate history` lists them.",
        ) from None
    return revision


@contextmanager
def _connected(database_url: str) -> Iterator[tuple[Config, sa.Connection]]:
    """A configured connection under the migration lock; the transaction ends with the block."""
    config = Config()
    config.set_main_option("script_location", str(resource_path("sql/migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    engine = sa.create_engine(_with_driver(database_url), poolclass=sa.NullPool)
    try:
        with engine.begin() as connection:
            connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_LOCK_KEY})"))
            config.attributes["connection"] = connection
            yield config, connection
    except sa.exc.OperationalError as error:
        raise TransientError(
            f"The database could not be asked while migrating: {_first_line(error)}.", cure="See `cryptoflow status`."
        ) from error
    except sa.exc.ProgrammingError as error:
        raise PermanentError(
            f"A migration was refused by the database: {_first_line(error)}.",
            cure="Nothing was changed. Check the rights of the role in the URL, and `cryptoflow migrate history`.",
        ) from error
    finally:
        engine.dispose()


def _first_line(error: sa.exc.DBAPIError) -> str:
    return str(error.orig).splitlines()[0].rstrip(".")


def _with_driver(database_url: str) -> sa.URL:
    return sa.make_url(database_url).set(drivername="postgresql+psycopg")
