"""Decodes first, then prompts that have begun, then new ones: whoever is answering is never held up by a prompt."""

from dataclasses import dataclass, replace

from schedproof.step_loop import (
    Ahead,
    LoopLimits,
    Preemption,
    Queues,
    StepLoop,
    StepView,
    Turn,
    Visit,
    blocks_needed,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What is left of a step."""

    budget: int
    num_free_slots: int
    num_free_blocks: int


class DecodeFirst(StepLoop[Ledger, LoopLimits]):
    """A decode that lacks KV blocks takes those of the last running request; a prompt waits."""

    name = "decode-first"

    def accepts(self, limits: LoopLimits) -> bool:
        return limits.max_num_seqs * limits.tokens_per_seq <= limits.max_num_batched_tokens

    def open(self, ahead: Ahead, num_free_blocks: int, limits: LoopLimits) -> Ledger:
        num_free_slots = limits.max_num_seqs - ahead.num_decodes - ahead.num_prompts
        return Ledger(
            budget=limits.max_num_batched_tokens, num_free_slots=num_free_slots, num_free_blocks=num_free_blocks
        )

    def next_turn(self, ledger: Ledger, queues: Queues, limits: LoopLimits) -> Turn[Ledger] | None:
        request = queues.next_decode or queues.next_prompt
        is_new = request is None
        if request is None:
            request = queues.next_waiting if ledger.num_free_slots > 0 else None
        if request is None or ledger.budget == 0:
            return None
        num_tokens = min(request.num_wanted_tokens, ledger.budget)
        num_blocks = blocks_needed(request, num_tokens, limits)
        if num_blocks <= ledger.num_free_blocks:
            after = replace(
                ledger,
                budget=ledger.budget - num_tokens,
                num_free_slots=ledger.num_free_slots - 1 if is_new else ledger.num_free_slots,
                num_free_blocks=ledger.num_free_blocks - num_blocks,
            )
            return Visit(request=request, num_tokens=num_tokens, num_new_blocks=num_blocks, after=after)
        victim = queues.last_running
        if victim is None:
            return None
        after = replace(
            ledger,
            num_free_slots=ledger.num_free_slots + 1,
            num_free_blocks=ledger.num_free_blocks + victim.num_blocks,
        )
        return Preemption(request=victim, after=after)

    def view(self, ledger: Ledger, limits: LoopLimits) -> StepView:
        return StepView(
            num_tokens=limits.max_num_batched_tokens - ledger.budget,
            budget=ledger.budget,
            num_slots_used=limits.max_num_seqs - ledger.num_free_slots,
            num_free_blocks=ledger.num_free_blocks,
        )

    def holds(self, ledger: Ledger, ahead: Ahead, limits: LoopLimits) -> bool:
        """What is left pays for every decode that is still ahead, drafts and all."""
        return ledger.budget >= ahead.num_decodes * limits.tokens_per_seq
