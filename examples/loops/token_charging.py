"""Whoever has a turn is charged what it runs, from two budgets: tokens, and rows of the draft model's input."""

from dataclasses import dataclass

from schedproof.step_loop import Ahead, LoopLimits, Preemption, Queues, StepLoop, StepView, Turn, Visit


@dataclass(frozen=True, kw_only=True)
class TwoLimits(LoopLimits):
    """The limits, and the rows that each request takes beside its tokens."""

    max_num_rows: int = 1
    num_draft_rows: int = 0


@dataclass(frozen=True)
class Ledger:
    """What is left of a step, and whether somebody was preempted."""

    tokens: int
    rows: int
    num_slots: int
    num_blocks: int
    somebody_left: bool = False


class TokenCharging(StepLoop[Ledger, TwoLimits]):
    """In the order of the queues, decodes and prompts alike: a decode may lose drafts where a budget ends."""

    name = "token-charging"
    limits_type = TwoLimits

    def accepts(self, limits: TwoLimits) -> bool:
        return limits.max_num_rows >= 0 and limits.num_draft_rows >= 0

    def open(self, ahead: Ahead, num_free_blocks: int, limits: TwoLimits) -> Ledger:
        num_slots = limits.max_num_seqs - ahead.num_decodes - ahead.num_prompts
        return Ledger(limits.max_num_batched_tokens, limits.max_num_rows, num_slots, num_free_blocks)

    def next_turn(self, ledger: Ledger, queues: Queues, limits: TwoLimits) -> Turn[Ledger] | None:
        request, slots, blocks = queues.next_running, ledger.num_slots, ledger.num_blocks
        rows, has_left = ledger.rows - limits.num_draft_rows, ledger.somebody_left
        if request is None and slots > 0 and not has_left:
            request, slots = queues.next_waiting, slots - 1
        if request is None or ledger.tokens == 0 or rows <= 0:
            return None
        num_tokens = min(request.num_wanted_tokens, ledger.tokens, rows)
        num_new, last = request.num_needed_blocks(num_tokens, limits), queues.last_running
        if num_new <= blocks:
            after = Ledger(ledger.tokens - num_tokens, rows - num_tokens, slots, blocks - num_new, has_left)
            return Visit(request=request, num_tokens=num_tokens, num_new_blocks=num_new, after=after)
        if last is None:
            return None
        after = Ledger(ledger.tokens, ledger.rows, slots + 1, blocks + last.num_blocks, somebody_left=True)
        return Preemption(request=last, after=after)

    def view(self, ledger: Ledger, limits: TwoLimits) -> StepView:
        tokens, slots = limits.max_num_batched_tokens - ledger.tokens, limits.max_num_seqs - ledger.num_slots
        blocks, left = ledger.num_blocks, min(ledger.tokens, ledger.rows)
        return StepView(num_tokens=tokens, budget=left, num_slots_used=slots, num_free_blocks=blocks)
