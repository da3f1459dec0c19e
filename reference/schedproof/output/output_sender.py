"""Which tensor-parallel rank sends a step's output, and what every rank resets afterwards.

Source: FastDeploy PR 7172 and its review: ranks above 0 sent duplicates; the first fix returned early on them and
so skipped the reset of ``last_preempted_idx``. Both are kept in :mod:`schedproof.output.before_7172`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from schedproof.sizes import truth_fault, whole_number_fault

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def sends(rank: int, save_each_rank: bool) -> bool:
    """Whether this rank sends: rank 0 alone, or every rank when each saves its own output (expert parallel)."""
    return save_each_rank or rank == 0


def finish_step(rank: int, save_each_rank: bool, last_preempted_idx: int) -> tuple[bool, int]:
    """One rank's end of a step: whether it sends, and ``last_preempted_idx`` as the next step finds it."""
    return sends(rank, save_each_rank), 0


@dataclass(slots=True)
class OutputSender:
    """The end of a step on one rank, with its side effects.

    ``send`` delivers one message; ``last_preempted_idx`` is the rank's per-step state, reset in place.
    """

    rank: int
    save_each_rank: bool
    send: Callable[[NDArray[np.int32]], None]

    def __post_init__(self) -> None:
        if fault := whole_number_fault("rank", self.rank) or truth_fault("save_each_rank", self.save_each_rank):
            raise ValueError(fault)

    def finish(self, message: NDArray[np.int32], last_preempted_idx: NDArray[np.int32]) -> bool:
        """Send if this rank is to, and reset the state even when sending raises; says whether it sent."""
        try:
            if sends(self.rank, self.save_each_rank):
                self.send(message)
                return True
            return False
        finally:
            last_preempted_idx[:] = 0
