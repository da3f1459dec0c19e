"""Lower priorities first: who lacks anything takes it from the least urgent, also from one that had its turn."""

from dataclasses import dataclass

from schedproof import step_loop
from schedproof.step_loop import Ahead, LoopLimits, Preemption, Queues, StepLoop, StepView, Turn, Visit


@dataclass(frozen=True)
class Ledger:
    """What is left of a step."""

    budget: int
    num_slots: int
    num_blocks: int


class PriorityOrder(StepLoop[Ledger, LoopLimits]):
    """Running requests in their order, then waiting ones."""

    name = "priority-order"

    def rank(self, request: step_loop.QueuedRequest) -> int:
        return request.priority

    def open(self, ahead: Ahead, num_free_blocks: int, limits: LoopLimits) -> Ledger:
        num_slots = limits.max_num_seqs - ahead.num_decodes - ahead.num_prompts
        return Ledger(limits.max_num_batched_tokens, num_slots, num_free_blocks)

    def next_turn(self, ledger: Ledger, queues: Queues, limits: LoopLimits) -> Turn[Ledger] | None:
        request, num_slots = queues.next_running, ledger.num_slots
        if request is None:
            request, num_slots = queues.next_waiting, num_slots - 1
        if request is None:
            return None
        num_tokens = min(request.num_wanted_tokens, ledger.budget)
        num_new = request.num_needed_blocks(num_tokens, limits)
        if num_tokens > 0 and num_slots >= 0 and num_new <= ledger.num_blocks:
            after = Ledger(ledger.budget - num_tokens, num_slots, ledger.num_blocks - num_new)
            return Visit(request=request, num_tokens=num_tokens, num_new_blocks=num_new, after=after)
        last, served = queues.last_running, queues.last_served
        if last is not None and num_tokens > 0:
            after = Ledger(ledger.budget, ledger.num_slots + 1, ledger.num_blocks + last.num_blocks)
            return Preemption(request=last, after=after)
        if served is not None and served.request.priority > request.priority:
            num_blocks = ledger.num_blocks + served.request.num_blocks + served.num_new_blocks
            after = Ledger(ledger.budget + served.num_tokens, ledger.num_slots + 1, num_blocks)
            return Preemption(request=served.request, after=after)
        return None

    def view(self, ledger: Ledger, limits: LoopLimits) -> StepView:
        budget, blocks, slots = ledger.budget, ledger.num_blocks, limits.max_num_seqs - ledger.num_slots
        num_tokens = limits.max_num_batched_tokens - budget
        return StepView(num_tokens=num_tokens, budget=budget, num_slots_used=slots, num_free_blocks=blocks)
