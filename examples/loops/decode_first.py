"""Decodes first, then prompts that have begun, then new ones: no prompt ever takes a token from an answer."""

from dataclasses import dataclass, replace

from schedproof.step_loop import Ahead, LoopLimits, Preemption, Queues, StepLoop, StepView, Turn, Visit


@dataclass(frozen=True)
class Ledger:
    """What is left of a step, and whether somebody had to leave."""

    budget: int
    num_free_slots: int
    num_free_blocks: int
    has_preempted: bool = False


class DecodeFirst(StepLoop[Ledger, LoopLimits]):
    """Who runs and lacks KV blocks preempts the last one that had no turn; then nobody is admitted."""

    name = "decode-first"

    def accepts(self, limits: LoopLimits) -> bool:
        return limits.max_num_seqs * limits.tokens_per_seq <= limits.max_num_batched_tokens

    def open(self, ahead: Ahead, num_free_blocks: int, limits: LoopLimits) -> Ledger:
        num_free_slots = limits.max_num_seqs - ahead.num_decodes - ahead.num_prompts
        return Ledger(limits.max_num_batched_tokens, num_free_slots, num_free_blocks)

    def next_turn(self, ledger: Ledger, queues: Queues, limits: LoopLimits) -> Turn[Ledger] | None:
        request, num_free_slots = queues.next_decode or queues.next_prompt, ledger.num_free_slots
        if request is None and num_free_slots > 0 and not ledger.has_preempted:
            request, num_free_slots = queues.next_waiting, num_free_slots - 1
        if request is None or ledger.budget == 0:
            return None
        num_tokens = min(request.num_wanted_tokens, ledger.budget)
        num_blocks = request.num_needed_blocks(num_tokens, limits)
        if num_blocks <= ledger.num_free_blocks:
            after = Ledger(ledger.budget - num_tokens, num_free_slots, ledger.num_free_blocks - num_blocks)
            after = replace(after, has_preempted=ledger.has_preempted)
            return Visit(request=request, num_tokens=num_tokens, num_new_blocks=num_blocks, after=after)
        victim = queues.last_running
        if victim is None:
            return None
        after = Ledger(ledger.budget, num_free_slots + 1, ledger.num_free_blocks + victim.num_blocks, True)
        return Preemption(request=victim, after=after)

    def view(self, ledger: Ledger, limits: LoopLimits) -> StepView:
        return StepView(
            num_tokens=limits.max_num_batched_tokens - ledger.budget,
            budget=ledger.budget,
            num_slots_used=limits.max_num_seqs - ledger.num_free_slots,
            num_free_blocks=ledger.num_free_blocks,
        )

    def holds(self, ledger: Ledger, ahead: Ahead, limits: LoopLimits) -> bool:
        """What is left pays for every decode that is still ahead, drafts and all: `min` never cuts one."""
        return ledger.budget >= ahead.num_decodes * limits.tokens_per_seq
