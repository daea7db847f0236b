"""The error tree: each error says what happened and what to do, and carries its verdict on retrying."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import cryptoflow
from cryptoflow.errors import CryptoflowError, PermanentError, TransientError, UsageError
from cryptoflow.warehouse.locks import DatasetBusy
from cryptoflow.warehouse.pool import DatabaseUnreachable
from cryptoflow.warehouse.reader import QueryRefused


def test_an_error_tells_what_happened_and_what_to_do() -> None:
    error = CryptoflowError("The disk is full.", cure="Free space.")
    assert (error.what, error.cure) == ("The disk is full.", "Free space.")
    assert str(error) == "The disk is full. Free space."


def test_there_is_no_error_without_a_cure() -> None:
    with pytest.raises(TypeError, match="cure"):
        CryptoflowError("The disk is full.")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("family", "retryable"),
    [
        (CryptoflowError, False),
        (TransientError, True),
        (PermanentError, False),
        (UsageError, False),
        (DatasetBusy, True),
        (DatabaseUnreachable, True),
        (QueryRefused, False),
    ],
)
def test_the_verdict_on_retrying(family: type[CryptoflowError], retryable: bool) -> None:
    assert family("It happened.", cure="Do this.").retryable is retryable


def test_an_error_has_at_most_one_verdict() -> None:
    for module in pkgutil.walk_packages(cryptoflow.__path__, "cryptoflow."):
        if module.name.split(".")[1] in {"sources", "warehouse", "runtime", "collect", "ops"}:
            importlib.import_module(module.name)
    families = _all_below(CryptoflowError)
    assert len(families) > 10
    assert [one for one in families if issubclass(one, TransientError) and issubclass(one, PermanentError)] == []
    assert [one for one in families if one.retryable != issubclass(one, TransientError)] == []


def _all_below(root: type[CryptoflowError]) -> set[type[CryptoflowError]]:
    return {root}.union(*(_all_below(child) for child in root.__subclasses__()))
