"""What every engine shows of a step, so that one statement speaks of all of them.

Engines keep ledgers of their own, which look quite different; each of them can be seen as a `StepView` beside the
`Limits` of its configuration. A rule that reads more than this belongs to one engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Limits(Protocol):
    """What a configuration allows a step; FastDeploy's `ServingConfig` is one."""

    @property
    def max_num_batched_tokens(self) -> int:
        """Tokens that a step may run."""

    @property
    def max_num_seqs(self) -> int:
        """Slots: sequences that may run at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One point of a step, whatever the engine."""

    num_tokens: int
    """Tokens that really run if the step ends here."""
    budget: int
    """Tokens that the loop still hands out."""
    num_slots_used: int
    num_free_blocks: int
