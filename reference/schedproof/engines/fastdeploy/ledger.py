"""The ledger of one step: what the step loop carries from turn to turn.

`schedproof.engines.fastdeploy.turns` has the only functions that change it.
"""

from __future__ import annotations

from dataclasses import dataclass

from schedproof.engines.fastdeploy.config import ServingConfig
from schedproof.view import StepView


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What was handed out so far, and how far the loop has come in either queue."""

    budget: int
    """Tokens that the policy still hands out."""
    num_decoding: int
    """Live decoding slots; the worker runs all of them, visited or not."""
    prefill_tokens: int
    """Tokens of the chunks handed out so far."""
    num_free_blocks: int
    num_slots_used: int
    """Slots of running requests and of preempted ones that the worker still holds."""
    num_preempted: int
    num_running: int = 0
    """Running requests that are left, up to the last victim."""
    num_kept: int = 0
    """Prompts behind the last victim, which the loop still comes to; where only decodes are preempted."""
    num_visited: int = 0
    """Running requests that had their turn, from the first."""
    num_aborted: int = 0
    """Those of them that an abort took out."""
    num_waiting: int = 0
    """Waiting requests that the step was opened with."""
    num_asked: int = 0
    """Waiting requests that had their turn, from the first."""
    num_admitted: int = 0
    """Those of them that were admitted."""
    num_reserved_blocks: int = 0
    """Blocks that the token ratio reserves for those."""

    def num_tokens(self, config: ServingConfig) -> int:
        """Return the tokens that the worker really runs if the step ends here."""
        return self.num_decoding * config.tokens_per_seq + self.prefill_tokens

    def view(self, config: ServingConfig) -> StepView:
        """Return what the rules of every engine read."""
        return StepView(
            num_tokens=self.num_tokens(config),
            budget=self.budget,
            num_slots_used=self.num_slots_used,
            num_free_blocks=self.num_free_blocks,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What one request gets in a step."""

    num_tokens: int
    num_new_blocks: int


NOTHING = Grant(num_tokens=0, num_new_blocks=0)
