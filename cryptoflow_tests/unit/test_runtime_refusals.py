"""What systems and servers say when they refuse, turned into one sentence and a cure."""

from __future__ import annotations

import errno

import pytest

from cryptoflow.errors import CryptoflowError, PermanentError, TransientError
from cryptoflow.runtime import disk, unprivileged
from cryptoflow.runtime.bootstrap import administrator_sql, dagster_url_beside
from cryptoflow.runtime.disk import explain_os_error
from cryptoflow.runtime.external import DatabaseMissingError, explain_connect_error
from cryptoflow.runtime.server_output import explain_server_output
from cryptoflow.runtime.urls import parse_database_url

URL = "postgresql://me:hunter2@db.example:5433/market"


@pytest.mark.parametrize(
    ("number", "words", "cure"),
    [
        (errno.ENOSPC, "the disk is full", disk.FULL_CURE),
        (errno.EDQUOT, "the disk is full", disk.FULL_CURE),
        (errno.EROFS, "mounted read-only", disk.FORBIDDEN_CURE),
        (errno.EACCES, "permission denied", disk.FORBIDDEN_CURE),
        (errno.ENOTDIR, "a file stands where a folder is needed", disk.FORBIDDEN_CURE),
    ],
)
def test_a_refusing_disk_is_explained(number: int, words: str, cure: str) -> None:
    error = explain_os_error(OSError(number, "raw"), what="The home could not be made")
    assert error.what.startswith("The home could not be made: ")
    assert words in error.what
    assert error.cure == cure


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ('FATAL:  could not write to file "pg_wal": No space left on device', "the disk is full"),
        ("initdb: error: could not change permissions: Read-only file system", "mounted read-only"),
        ("FATAL:  could not map anonymous shared memory: Cannot allocate memory", "not enough memory"),
        ("LOG:  starting\nFATAL:  no such thing\nLOG:  done", "did not start: no such thing."),
        ("FATAL:  the database system is starting up\nPANIC:  broken", "did not start: broken."),
        ('LOG:  invalid value for parameter "a"\nFATAL:  the file contains errors', 'invalid value for parameter "a"'),
        ("", "it gave no reason"),
    ],
)
def test_a_failing_server_is_explained(output: str, words: str) -> None:
    error = explain_server_output(output, what="PostgreSQL did not start")
    assert isinstance(error, PermanentError)
    assert words in error.what


def test_root_that_cannot_be_given_up_has_its_own_cure() -> None:
    said = f"Root could not be given up for postgres (EPERM). {unprivileged.CURE}"
    assert explain_server_output(said, what="PostgreSQL did not start").cure == unprivileged.CURE


@pytest.mark.parametrize(
    ("said", "words", "kind"),
    [
        ('FATAL:  password authentication failed for user "me"', "wrong user name or password", PermanentError),
        ('FATAL:  role "me" does not exist', "wrong user name or password", PermanentError),
        ('FATAL:  database "market" does not exist', "has no database 'market'", DatabaseMissingError),
        ("connection refused", "does not answer", TransientError),
        ("connection timeout expired", "does not answer", TransientError),
        ("[Errno -2] Name or service not known", "The host name db.example", TransientError),
        ("FATAL:  the database system is starting up", "not ready yet", TransientError),
        ("FATAL:  sorry, too many clients already", "no free connection", TransientError),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.1"', "does not admit", PermanentError),
        ("server does not support SSL, but SSL was required", "did not agree on encryption", PermanentError),
        ("the sky fell on hunter2", "the sky fell on ***", TransientError),
    ],
)
def test_a_failed_connection_is_explained(said: str, words: str, kind: type[CryptoflowError]) -> None:
    error = explain_connect_error(said, parse_database_url(URL), setting="CRYPTOFLOW_DATABASE_URL")
    assert type(error) is kind
    assert words in error.what
    assert "hunter2" not in str(error)


def test_dagster_gets_a_database_beside_the_warehouse() -> None:
    assert dagster_url_beside(URL) == "postgresql://me:hunter2@db.example:5433/market_dagster"


def test_an_administrator_is_told_what_to_run_without_a_password() -> None:
    told = administrator_sql(URL)
    assert 'CREATE DATABASE "market_dagster" OWNER "me"' in told
    assert "CREATE EXTENSION IF NOT EXISTS btree_gist;" in told
    assert "hunter2" not in told
