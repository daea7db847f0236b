"""A database for a single command: the external one, the running platform's, or the embedded one for the duration.

Commands that share an embedded server which no platform runs count each other by a shared file lock: the last
one stops it, also after one of them was killed.
What does not belong here: what the command does with it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from cryptoflow.errors import TransientError
from cryptoflow.runtime.bootstrap import WAREHOUSE_DATABASE, bootstrap, dagster_url_beside
from cryptoflow.runtime.external import check_database
from cryptoflow.runtime.home import Endpoints, FileLock, Home, lock_owner
from cryptoflow.runtime.parts import SCHEMA_STEP
from cryptoflow.runtime.postgres import EmbeddedPostgres
from cryptoflow.runtime.processes import wait_until
from cryptoflow.runtime.status import read_status
from cryptoflow.runtime.supervisor import State
from cryptoflow.settings import Settings

_PLATFORM_TIMEOUT_SECONDS = 120.0
_LOCK_TIMEOUT_SECONDS = 120.0


@contextlib.contextmanager
def database_for_command(settings: Settings, *, migrate: bool = True) -> Iterator[Endpoints]:
    """Endpoints whose `database_url` answers. `migrate=False` leaves the schema of an idle embedded one as it is."""
    home = Home(settings.home_path)
    if settings.database_url is not None:
        yield _external(settings, settings.database_url.get_secret_value())
        return
    while True:
        if is_platform_running(home):
            yield _of_platform(home)
            return
        users = FileLock(home.session_lock_file)
        with contextlib.ExitStack() as stack:
            stack.callback(users.release)
            if not _join(home, users):
                continue
            server = EmbeddedPostgres.in_home(home.path)
            stack.callback(_leave, home, users, server)
            yield _embedded(settings, home, server, migrate=migrate)
            return


def is_platform_running(home: Home) -> bool:
    """Whether a supervisor holds this home."""
    return lock_owner(home.lock_file) is not None


def _external(settings: Settings, url: str) -> Endpoints:
    check_database(url)
    dagster = settings.dagster_database_url
    ready = bootstrap(url, dagster_database_url=dagster.get_secret_value() if dagster else None)
    redis = settings.redis_url
    return Endpoints(
        database_url=ready.database_url,
        dagster_database_url=ready.dagster_database_url,
        redis_url=redis.get_secret_value() if redis else None,
        simulator_url=settings.simulator_url,
    )


def _of_platform(home: Home) -> Endpoints:
    found: Endpoints | None = None

    def is_usable() -> bool:
        nonlocal found
        found = home.read_endpoints()
        return (found is not None and _schema_is_settled(home)) or not is_platform_running(home)

    wait_until(is_usable, timeout_seconds=_PLATFORM_TIMEOUT_SECONDS)
    if found is None or not is_platform_running(home):
        raise TransientError(
            f"The platform in {home.path} is starting or stopping; its database is not there yet.",
            cure="Try again when `cryptoflow status` shows it.",
        )
    return found


def _schema_is_settled(home: Home) -> bool:
    status = read_status(home)
    return status is not None and any(p.name == SCHEMA_STEP and p.state is State.DONE for p in status.parts)


def _join(home: Home, users: FileLock) -> bool:
    """Become one of the users of the embedded server. False when a platform took the home meanwhile."""
    home.prepare()
    if not wait_until(lambda: users.acquire(shared=True), timeout_seconds=_LOCK_TIMEOUT_SECONDS):
        raise TransientError(
            f"Another cryptoflow command holds the database of {home.path}.", cure="Try again when it has finished."
        )
    return not is_platform_running(home)


def _embedded(settings: Settings, home: Home, server: EmbeddedPostgres, *, migrate: bool) -> Endpoints:
    # Two first users must not both make the data folder or start the server.
    starting = FileLock(home.run / "start.lock")
    if not wait_until(starting.acquire, timeout_seconds=_LOCK_TIMEOUT_SECONDS):
        raise TransientError(
            f"Another cryptoflow command has been starting the database of {home.path} for a while.",
            cure="Look at the logs there, then try again.",
        )
    try:
        server.start()
        url = server.url(WAREHOUSE_DATABASE)
        bootstrap(url)
        if migrate:
            from cryptoflow.warehouse.migrations import migrate_up

            migrate_up(url)
    finally:
        starting.release()
    redis = settings.redis_url
    return Endpoints(
        database_url=url,
        dagster_database_url=dagster_url_beside(url),
        redis_url=redis.get_secret_value() if redis else None,
        simulator_url=settings.simulator_url,
    )


def _leave(home: Home, users: FileLock, server: EmbeddedPostgres) -> None:
    """Stop the embedded server unless somebody else uses it."""
    users.release()
    if users.acquire() and not is_platform_running(home):
        server.stop()
