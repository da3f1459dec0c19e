"""A step runs prompts or decodes, never both: prompts come first, as long as one of them can run."""

from dataclasses import dataclass
from enum import Enum

from schedproof.step_loop import Ahead, LoopLimits, Preemption, Queues, StepLoop, StepView, Turn, Visit

Batch = Enum("Batch", ["OPEN", "PROMPTS", "DECODES"])
"""What a step runs; open until somebody does."""


@dataclass(frozen=True)
class Ledger:
    """What a step runs, and what is left of it."""

    batch: Batch
    budget: int
    num_slots: int
    num_blocks: int


class PrefillFirst(StepLoop[Ledger, LoopLimits]):
    """A prompt that lacks KV blocks ends the prompts; a decode that lacks some preempts the last decode."""

    name = "prefill-first"

    def accepts(self, limits: LoopLimits) -> bool:
        return limits.max_num_seqs * limits.tokens_per_seq <= limits.max_num_batched_tokens

    def open(self, ahead: Ahead, num_free_blocks: int, limits: LoopLimits) -> Ledger:
        num_slots = limits.max_num_seqs - ahead.num_decodes - ahead.num_prompts
        return Ledger(Batch.OPEN, limits.max_num_batched_tokens, num_slots, num_free_blocks)

    def next_turn(self, ledger: Ledger, queues: Queues, limits: LoopLimits) -> Turn[Ledger] | None:
        request, victim, slots, batch = queues.next_prompt, None, ledger.num_slots, Batch.PROMPTS
        if request is None and slots > 0:
            request, slots = queues.next_waiting, slots - 1
        num_tokens = 0 if request is None else min(request.num_wanted_tokens, ledger.budget)
        num_new = 0 if request is None else request.num_needed_blocks(num_tokens, limits)
        if request is None or ledger.batch is Batch.DECODES or num_tokens == 0 or num_new > ledger.num_blocks:
            request, victim, slots, batch = queues.next_decode, queues.last_decode, ledger.num_slots, Batch.DECODES
            if request is None or ledger.batch is Batch.PROMPTS:
                return None
            num_tokens = request.num_wanted_tokens
            num_new = request.num_needed_blocks(num_tokens, limits)
        if victim is not None and num_new > ledger.num_blocks:
            after = Ledger(batch, ledger.budget, slots + 1, ledger.num_blocks + victim.num_blocks)
            return Preemption(request=victim, after=after)
        after = Ledger(batch, ledger.budget - num_tokens, slots, ledger.num_blocks - num_new)
        return Visit(request=request, num_tokens=num_tokens, num_new_blocks=num_new, after=after)

    def view(self, ledger: Ledger, limits: LoopLimits) -> StepView:
        tokens, slots = limits.max_num_batched_tokens - ledger.budget, limits.max_num_seqs - ledger.num_slots
        blocks = ledger.num_blocks
        return StepView(num_tokens=tokens, budget=ledger.budget, num_slots_used=slots, num_free_blocks=blocks)

    def holds(self, ledger: Ledger, ahead: Ahead, limits: LoopLimits) -> bool:
        """A step without prompts can pay for every decode that is still ahead, drafts and all."""
        return ledger.batch is Batch.PROMPTS or ledger.budget >= ahead.num_decodes * limits.tokens_per_seq
