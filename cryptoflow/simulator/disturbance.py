"""What the faults of a stream do to its messages: cut off, out of order, twice; drawn per message.

What does not belong here: connections, and what messages say (the streams of the exchanges).
"""

from __future__ import annotations

from typing import Generic, TypeVar

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
        held, self._held = self._held, []
        return [message] * (2 if twice else 1) + held
