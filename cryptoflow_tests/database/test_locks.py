"""The lock of a dataset: one holder at a time, gone with its connection, and refusals that say so."""

from __future__ import annotations

import psycopg
import pytest

from cryptoflow.runtime.urls import with_database
from cryptoflow.warehouse.locks import DatasetBusy, dataset_lock
from cryptoflow.warehouse.pool import DatabaseUnreachable


def test_a_second_holder_is_refused_at_once_and_told_why(database_url: str) -> None:
    with dataset_lock(database_url, "market.assets"):
        with (
            pytest.raises(DatasetBusy, match=r"market\.assets is being collected") as caught,
            dataset_lock(database_url, "market.assets"),
        ):
            raise AssertionError("the lock was given twice")
        assert "ops.collection_status" in caught.value.cure
        assert caught.value.retryable
    with dataset_lock(database_url, "market.assets"):
        pass


def test_other_datasets_are_free(database_url: str) -> None:
    with dataset_lock(database_url, "market.assets"), dataset_lock(database_url, "market.prices"):
        pass


def test_the_lock_is_given_back_when_the_block_fails(database_url: str) -> None:
    with pytest.raises(RuntimeError, match="broke"), dataset_lock(database_url, "market.assets"):
        raise RuntimeError("it broke")
    with dataset_lock(database_url, "market.assets"):
        pass


def test_the_lock_of_a_holder_that_died_is_free(database_url: str) -> None:
    holder = psycopg.connect(database_url, autocommit=True)
    holder.execute("SELECT pg_advisory_lock(hashtextextended('market.assets', 0))")
    with pytest.raises(DatasetBusy), dataset_lock(database_url, "market.assets"):
        pass
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", (holder.info.backend_pid,))
    with dataset_lock(database_url, "market.assets"):
        pass
    holder.close()


def test_the_holder_shows_its_dataset_in_the_list_of_sessions(database_url: str) -> None:
    with dataset_lock(database_url, "market.assets"), psycopg.connect(database_url) as admin:
        names = admin.execute("SELECT application_name FROM pg_stat_activity WHERE datname = current_database()")
        assert ("cryptoflow lock market.assets",) in names.fetchall()


def test_a_database_that_does_not_answer_is_a_clear_error(database_url: str) -> None:
    with (
        pytest.raises(DatabaseUnreachable, match="no_such_database") as caught,
        dataset_lock(with_database(database_url, "no_such_database"), "market.assets"),
    ):
        pass
    assert "cryptoflow status" in caught.value.cure
