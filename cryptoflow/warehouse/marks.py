"""Marks: buckets of an asset that wait to be built or computed, because what they follow from has changed.

What does not belong here: which buckets are due (rollups, velocity), building them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cryptoflow.warehouse.arrays import instant_array, integer_array
from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.statements import statement

Key = tuple[datetime, int]

_LEAVE: Final = """
INSERT INTO ops.dirty_buckets (grain, bucket, asset_id)
SELECT %(grain)s, touched.bucket, touched.asset_id
FROM unnest(%(buckets)s::timestamptz[], %(assets)s::int[]) AS touched (bucket, asset_id)
ON CONFLICT DO NOTHING
"""


def leave_marks(connection: Connection, grain: str, keys: Sequence[Key]) -> None:
    """Leave buckets for later. A mark that is there already stays."""
    if keys:
        buckets, assets = zip(*keys, strict=True)
        connection.execute(_LEAVE, {"grain": grain, "buckets": instant_array(buckets), "assets": integer_array(assets)})


def take_marks(connection: Connection, grain: str, *, most: int) -> list[Key]:
    """Take up to so many marked buckets of a grain away, the newest first."""
    # A plan that was kept since there were none looks for each mark among all of them.
    return connection.execute(statement("ops/take_marks"), {"grain": grain, "most": most}, prepare=False).fetchall()
