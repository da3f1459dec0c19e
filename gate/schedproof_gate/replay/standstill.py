"""Notices that an engine goes round in circles."""

from __future__ import annotations

from schedproof import Queues


class Standstill:
    """Compares what the scheduler finds with what it found before, while nothing comes of its steps.

    Brent's algorithm: one remembered state, which is replaced after 1, 2, 4, … steps, meets every cycle.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew: a request arrived, produced a token or ended."""
        self._remembered: Queues | None = None
        self._num_steps = 0
        self._steps_to_next = 1

    def has_come_back(self, queues: Queues) -> bool:
        """Return whether the scheduler has found these very queues before."""
        if queues == self._remembered:
            return True
        self._num_steps += 1
        if self._num_steps == self._steps_to_next:
            self._remembered = queues
            self._num_steps = 0
            self._steps_to_next *= 2
        return False
