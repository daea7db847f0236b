"""Real parts for the tests, and the rule of the tiers.

PostgreSQL and Valkey are the embedded ones, or external ones when CRYPTOFLOW_DATABASE_URL and CRYPTOFLOW_REDIS_URL are
set (then databases named `cryptoflow_test_...` are made and dropped, and database 15 of the Valkey is emptied, 14 by
the second process that shares the tests, and so on). Every test has a database of its own, cloned from a migrated
template.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import psycopg
import pytest
import redis
from playwright.sync_api import Browser, sync_playwright
from psycopg import sql
from xdist.scheduler import LoadScopeScheduling

from cryptoflow.runtime.postgres import EmbeddedPostgres
from cryptoflow.runtime.urls import parse_database_url, with_database
from cryptoflow.runtime.valkey import EmbeddedValkey
from cryptoflow.warehouse.migrations import migrate_up
from cryptoflow.warehouse.pool import close_pools
from cryptoflow_tests import tiers
from cryptoflow_tests.running_platform import SMALL_UNIVERSE, RunningPlatform, started_platform
from cryptoflow_tests.scratch import scratch_folder

ROOT = Path(__file__).parent
GIVEN_DATABASE_URL = tiers.GIVEN["CRYPTOFLOW_DATABASE_URL"]
GIVEN_REDIS_URL = tiers.GIVEN["CRYPTOFLOW_REDIS_URL"]
EXTERNAL_VALKEY_DATABASE = 15
WHOLE_PLATFORMS = "whole platforms"
QUIET_CHROMIUM = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def pytest_configure(config: pytest.Config) -> None:
    if _hands_out(config):
        return  # it runs no test itself, and what is set has to reach those who do
    tiers.watch()
    # What a script starts in the background ignores SIGINT, and so do its children; of these Dagster's servers then
    # ignore SIGTERM as well. Neither an engine nor the supervisor starts them so.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # No setting of the person who runs the tests leaks into them; each test sets what it needs.
    for name in [name for name in os.environ if name.startswith("CRYPTOFLOW_")]:
        del os.environ[name]


def _hands_out(config: pytest.Config) -> bool:
    """Whether this process only hands out tests to others."""
    return bool(config.getoption("numprocesses", None)) and not _shares(config)


def _shares(config: pytest.Config) -> bool:
    """Whether this process is one of several that run the tests."""
    return hasattr(config, "workerinput")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    refusals = []
    for item in items:
        tier = _tier(item)
        if tier not in tiers.TIERS:
            refusals.append(f"{item.nodeid}: {tier!r} is no tier; the tiers are {', '.join(tiers.TIERS)}")
            continue
        closure = getattr(item, "fixturenames", [])
        own = [name for name in closure if _defined_beside(item, name)]
        reason = tiers.misplaced(tier, closure, own_fixtures=own)
        if reason:
            refusals.append(f"{item.nodeid}: {reason}")
    if refusals:
        raise pytest.UsageError("tests in the wrong tier:\n" + "\n".join(refusals))
    # The quick tiers first, to hear early what is wrong; the browser last, because Playwright keeps an event loop in
    # this thread while it is open. Where several processes share the tests, what takes longest goes first.
    if items and _shares(items[0].config):
        items.sort(key=_longest_first)
    else:
        items.sort(key=lambda item: tiers.TIERS.index(_tier(item)))


def _tier(item: pytest.Item) -> str:
    return item.path.relative_to(ROOT).parts[0]


def _longest_first(item: pytest.Item) -> tuple[bool, bool, bool, int]:
    tier = tiers.TIERS.index(_tier(item))
    # Of the whole platforms the shared one first; the browser comes after other tests that use it.
    return _scope(item.nodeid) != WHOLE_PLATFORMS, not _shares_platform(item), _tier(item) == "browser", -tier


def _shares_platform(item: pytest.Item | None) -> bool:
    return item is not None and "platform" in getattr(item, "fixturenames", [])


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Stop the shared platform after the last test of this process that needs it: it takes its share of the cores."""
    if _shares_platform(item) and not _shares_platform(nextitem):
        definition = item._fixtureinfo.name2fixturedefs["platform"][-1]
        definition.finish(item._request)


def _scope(nodeid: str) -> str:
    """What one process runs from end to end: a file, or all that uses the shared platform and whole ones beside it."""
    file = PurePosixPath(nodeid.partition("::")[0])
    is_whole = file.parent.name == "browser" or file.name.startswith("test_whole_platform")
    return WHOLE_PLATFORMS if is_whole else file.name


class ByScope(LoadScopeScheduling):
    """Hands out to the processes what belongs together, in the order in which it was collected."""

    def _split_scope(self, nodeid: str) -> str:
        return _scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    config.option.loadscopereorder = False
    return ByScope(config, log)


def _defined_beside(item: pytest.Item, name: str) -> bool:
    """Is the fixture defined in the test's own module or folder, rather than here or in a plugin?"""
    definitions = item.session._fixturemanager.getfixturedefs(name, item) or ()
    return any(definition.baseid not in {"", "cryptoflow_tests"} for definition in definitions)


@pytest.fixture(autouse=True)
def _closed_in_unit_tests(request: pytest.FixtureRequest) -> Iterator[None]:
    if _tier(request.node) != "unit":
        yield
        return
    with tiers.closed_in(request.node.nodeid):
        yield


@pytest.fixture(scope="session")
def postgres_admin_url() -> Iterator[str]:
    """A PostgreSQL server, by the URL of a database in which others can be made."""
    if GIVEN_DATABASE_URL:
        yield GIVEN_DATABASE_URL
        return
    with scratch_folder() as folder, EmbeddedPostgres.running(folder / "postgres", profile="test") as server:
        yield server.url("postgres")


@pytest.fixture(scope="session")
def template_database(postgres_admin_url: str) -> Iterator[str]:
    """The name of a migrated database that tests are cloned from."""
    with _scratch_database(postgres_admin_url, "template0") as url:
        migrate_up(url)
        yield parse_database_url(url).name


@pytest.fixture
def database_url(postgres_admin_url: str, template_database: str) -> Iterator[str]:
    """A warehouse of the test's own, migrated and empty."""
    with _scratch_database(postgres_admin_url, template_database) as url:
        yield url


@pytest.fixture(scope="module")
def shared_database_url(postgres_admin_url: str, template_database: str) -> Iterator[str]:
    """A warehouse that the tests of one module share, for those that only read what took long to fill."""
    with _scratch_database(postgres_admin_url, template_database) as url:
        yield url


@pytest.fixture
def copied_database_url(postgres_admin_url: str, shared_database_url: str) -> Iterator[str]:
    """A copy of the test's own of the warehouse that its module shares: for what takes long to fill, and is changed."""
    close_pools()
    with _scratch_database(postgres_admin_url, parse_database_url(shared_database_url).name) as url:
        yield url


@pytest.fixture
def empty_database_url(postgres_admin_url: str) -> Iterator[str]:
    """A database of the test's own in which nothing was made."""
    with _scratch_database(postgres_admin_url, "template0") as url:
        yield url


@contextmanager
def _scratch_database(admin_url: str, template: str) -> Iterator[str]:
    name = f"cryptoflow_test_{secrets.token_hex(6)}"
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*map(sql.Identifier, (name, template))))
    try:
        yield with_database(admin_url, name)
    finally:
        close_pools()
        with psycopg.connect(admin_url, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _test_valkey(url: str) -> str:
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return url.rpartition("/")[0] + f"/{EXTERNAL_VALKEY_DATABASE - number}"


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Valkey server, by the URL of a database in it."""
    if GIVEN_REDIS_URL:
        yield _test_valkey(GIVEN_REDIS_URL)
        return
    with EmbeddedValkey.running(tmp_path_factory.mktemp("valkey")) as server:
        yield server.url()


@pytest.fixture
def valkey_url(valkey_server: str) -> Iterator[str]:
    """An empty Valkey."""
    with redis.Redis.from_url(valkey_server) as client:
        client.flushdb()
        yield valkey_server
        client.flushdb()


@pytest.fixture(scope="session")
def external_servers() -> Iterator[dict[str, str]]:
    """The settings of external servers for a whole platform, with databases of its own; empty when none are given."""
    with ExitStack() as stack:
        settings = {}
        if GIVEN_DATABASE_URL:
            settings["CRYPTOFLOW_DATABASE_URL"] = stack.enter_context(
                _scratch_database(GIVEN_DATABASE_URL, "template0")
            )
            settings["CRYPTOFLOW_DAGSTER_DATABASE_URL"] = stack.enter_context(
                _scratch_database(GIVEN_DATABASE_URL, "template0")
            )
        if GIVEN_REDIS_URL:
            settings["CRYPTOFLOW_REDIS_URL"] = _test_valkey(GIVEN_REDIS_URL)
        yield settings


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory, external_servers: dict[str, str]) -> Iterator[RunningPlatform]:
    """The whole platform on the simulated markets, in an empty home; shared, so every test leaves it healthy.

    The market is small, so that the first hour's history is fetched in a minute or two, and workers are free again.
    """
    settings = {**external_servers, "CRYPTOFLOW_UNIVERSE_SIZE": str(SMALL_UNIVERSE)}
    with started_platform(tmp_path_factory.mktemp("home"), external=settings) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium of this machine that talks to nobody but the page."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.fail("no Chromium is installed; install it (Debian: apt-get install chromium) to run the browser tests")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=list(QUIET_CHROMIUM))
        yield running
        running.close()
