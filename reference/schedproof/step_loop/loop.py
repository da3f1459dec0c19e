"""What a person writes: how a step opens, which turn comes next, and what the ledger says of the step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, TypeVar

from schedproof.step_loop.limits import LoopLimits
from schedproof.step_loop.queues import Ahead, QueuedRequest, Queues
from schedproof.step_loop.turns import Turn
from schedproof.view import StepView

L = TypeVar("L")
"""The ledger: a frozen dataclass of numbers, bools and enums."""
C = TypeVar("C", bound=LoopLimits)


class StepLoop(ABC, Generic[L, C]):
    """A step loop. It keeps nothing between calls: what it knows in a step is in its ledger."""

    name: str
    """A short name of its own."""
    limits_type: ClassVar[type[LoopLimits]] = LoopLimits
    """The class of its limits; a subclass of `LoopLimits` where it has settings of its own."""

    def accepts(self, limits: C) -> bool:
        """Return whether the engine starts with these limits; the others are left out of every proof."""
        return True

    @abstractmethod
    def open(self, ahead: Ahead, num_free_blocks: int, limits: C) -> L:
        """Return the ledger before the first turn; nobody was served."""

    @abstractmethod
    def next_turn(self, ledger: L, queues: Queues, limits: C) -> Turn[L] | None:
        """Return the next turn of the step, None when the step is over."""

    @abstractmethod
    def view(self, ledger: L, limits: C) -> StepView:
        """Return what the ledger says of the step, for the rules that every engine shares."""

    def holds(self, ledger: L, ahead: Ahead, limits: C) -> bool:
        """Return what else is so at every point of a step, for the induction to build on; it is proved too."""
        return True

    def rank(self, request: QueuedRequest) -> int:
        """Return where a request stands in its queue: lower ranks first, equal ones as they came."""
        return 0
