"""A warehouse belongs to one world: simulated markets are never mixed with real ones."""

from __future__ import annotations

import pytest

from cryptoflow.errors import UsageError
from cryptoflow.warehouse.world import World, settle_world


@pytest.mark.parametrize(("begun", "other"), [("simulated", "real"), ("real", "simulated")])
def test_a_warehouse_refuses_the_other_world(database_url: str, begun: World, other: World) -> None:
    settle_world(database_url, begun)
    settle_world(database_url, begun)
    with pytest.raises(UsageError, match=f"begun with {begun} markets") as refusal:
        settle_world(database_url, other)
    assert "--home" in refusal.value.cure
