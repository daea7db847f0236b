"""What the faults of a stream do to its messages: cut off, out of order, twice; drawn per message. And the end of one.

What does not belong here: what messages say (the streams of the exchanges).
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Generic, TypeVar

from starlette.websockets import WebSocketDisconnect

from cryptoflow.simulator.faults import FaultBoard

M = TypeVar("M")


class Dropped(Exception):
    """The connection is cut. An application that ends without a close message leaves the server to do the same."""


class Disturbance(Generic[M]):
    """The faults of one connection."""

    def __init__(self, faults: FaultBoard, *, provider: str) -> None:
        self._faults = faults
        self._provider = provider
        self._held: list[M] = []

    def of(self, message: M) -> list[M]:
        """What is sent in the place of the message. Raises Dropped when the connection ends here."""
        if self._faults.strike("ws_drop", self._provider) is not None:
            raise Dropped
        if not self._held and self._faults.strike("ws_out_of_order", self._provider) is not None:
            # It comes after the one that follows it.
            self._held = [message]
            return []
        twice = self._faults.strike("ws_duplicates", self._provider) is not None
        return [message] * (2 if twice else 1) + self.held_back()

    def held_back(self) -> list[M]:
        """What waits for a message that follows it; to be sent without one when time stands still."""
        held, self._held = self._held, []
        return held


async def serve_until_one_ends(*sides: Coroutine[Any, Any, None]) -> None:
    """Run the sides of a connection, telling and listening, until one ends; a client that goes is no failure."""
    tasks = [asyncio.create_task(side) for side in sides]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        failure = task.exception()
        if failure is not None and not isinstance(failure, WebSocketDisconnect | Dropped):
            raise failure
