"""The ledger of one step of vLLM: what the step loop carries from turn to turn.

`schedproof.engines.vllm.turns` has the only functions that change it.
"""

from __future__ import annotations

from dataclasses import dataclass

from schedproof.engines.vllm.config import ServingConfig
from schedproof.engines.vllm.request import EncoderItem
from schedproof.view import StepView


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What was handed out so far, and how far the loop has come in either queue."""

    token_budget: int
    """Tokens that the step still hands out."""
    input_budget: int
    """Rows of the input that are left, for tokens and for the drafter."""
    num_free_blocks: int
    num_listed: int
    """Requests that ran before the step and were not preempted in it."""
    long_prefill_threshold: int
    """The most that one request gets in this step; 0 when there is no such bound."""
    num_waiting: int = 0
    """Waiting requests that the step was opened with."""
    num_visited: int = 0
    """Listed requests that had their turn, from the first."""
    num_scheduled: int = 0
    """Requests that run in the step."""
    num_tokens: int = 0
    """Tokens that run for them."""
    has_prefill: bool = False
    """Whether a listed request was given a chunk of its prompt behind its first."""
    num_asked_tokens: int = 0
    """What the next listed request was given and has no blocks for yet; 0 when its turn has not begun."""
    encoder_budget: int = 0
    """Tokens of items that the encoder still runs in the step."""
    asked_encoder_budget: int = 0
    """What it was when the next listed request asked."""
    num_preempted: int = 0
    num_asked: int = 0
    """Waiting requests that had their turn, from the first."""
    num_admitted: int = 0
    """Those of them that were admitted."""
    is_closed: bool = False
    """Whether a waiting request was refused, which ends the step."""

    @property
    def num_running(self) -> int:
        """Requests that run now: listed ones and admitted ones."""
        return self.num_listed + self.num_admitted

    def view(self, config: ServingConfig) -> StepView:
        """Return what the rules of every engine read.

        The budget is the lower of the two; a request also needs its draft slots, of which it says nothing.
        """
        return StepView(
            num_tokens=self.num_tokens,
            budget=min(self.token_budget, self.input_budget),
            num_slots_used=self.num_running,
            num_free_blocks=self.num_free_blocks,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What one request gets in a step."""

    num_tokens: int
    num_new_blocks: int
    num_drafts: int = 0
    """How many of the tokens are drafts."""
    items: tuple[EncoderItem, ...] = ()
    """What the encoder runs for it."""

    @property
    def num_encoder_tokens(self) -> int:
        """Tokens of the items that the encoder runs for it."""
        return sum(item.num_tokens for item in self.items)


NOTHING = Grant(num_tokens=0, num_new_blocks=0)
