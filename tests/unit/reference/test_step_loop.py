"""The driver and the small engine around a step loop of one's own, on numbers."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from schedproof.step_loop import (
    Ahead,
    LoopLimits,
    Preemption,
    QueuedRequest,
    Queues,
    Skip,
    StepLoop,
    StepView,
    Turn,
    Visit,
)
from schedproof.step_loop.driver import StepQueues, plan_step
from schedproof.step_loop.engine import LoopEngine
from schedproof.step_loop.world import Lane

LIMITS = LoopLimits(max_num_batched_tokens=8, max_num_seqs=4, block_size=2)


@dataclass(frozen=True)
class Count:
    number: int = 0


class Script(StepLoop[Count, LoopLimits]):
    """Takes the turns that it is told, one after the other."""

    name = "script"

    def __init__(self, *turns: str) -> None:
        self.turns = turns

    def open(self, ahead: Ahead, num_free_blocks: int, limits: LoopLimits) -> Count:
        return Count()

    def next_turn(self, ledger: Count, queues: Queues, limits: LoopLimits) -> Turn[Count] | None:
        if ledger.number == len(self.turns):
            return None
        kind, _, who = self.turns[ledger.number].partition(" ")
        found = getattr(queues, who)
        request = found if isinstance(found, QueuedRequest) else found.request
        after = Count(ledger.number + 1)
        if kind == "visit":
            return Visit(request=request, num_tokens=1, num_new_blocks=1, after=after)
        return Preemption(request=request, after=after) if kind == "preempt" else Skip(request=request, after=after)

    def view(self, ledger: Count, limits: LoopLimits) -> StepView:
        return StepView(num_tokens=0, budget=0, num_slots_used=0, num_free_blocks=0)


def request(computed: int, need: int = 4, priority: int = 0) -> QueuedRequest:
    return QueuedRequest(
        need_prefill_tokens=need, num_computed_tokens=computed, num_blocks=-(-computed // 2), priority=priority
    )


def some_queues() -> StepQueues:
    """A decode, a prompt in its middle and two that wait; all of them are equal to none but themselves."""
    return StepQueues([request(4), request(2)], [request(0), request(0)])


@pytest.mark.parametrize(
    ("turns", "tokens", "blocks", "ahead"),
    [
        ([], 0, 5, Ahead(num_decodes=1, num_prompts=1, num_waiting=2, num_served=0)),
        (["visit next_decode"], 1, 4, Ahead(num_decodes=0, num_prompts=1, num_waiting=2, num_served=1)),
        (["visit next_prompt"], 1, 4, Ahead(num_decodes=1, num_prompts=0, num_waiting=2, num_served=1)),
        (["visit next_waiting"] * 2, 2, 3, Ahead(num_decodes=1, num_prompts=1, num_waiting=0, num_served=2)),
        (["skip next_waiting"], 0, 5, Ahead(num_decodes=1, num_prompts=1, num_waiting=1, num_served=0)),
        (["skip next_running"], 0, 5, Ahead(num_decodes=0, num_prompts=1, num_waiting=2, num_served=1)),
        (["preempt last_running"], 0, 6, Ahead(num_decodes=1, num_prompts=0, num_waiting=2, num_served=0)),
        (["preempt last_decode"], 0, 7, Ahead(num_decodes=0, num_prompts=1, num_waiting=2, num_served=0)),
        (
            ["visit next_running", "visit next_waiting", "preempt last_served"],
            1,
            4,
            Ahead(num_decodes=0, num_prompts=1, num_waiting=1, num_served=1),
        ),
    ],
)
def test_the_driver_keeps_what_is_so(turns: list[str], tokens: int, blocks: int, ahead: Ahead) -> None:
    queues = some_queues()
    plan = plan_step(Script(*turns), queues, 5, LIMITS)
    world = plan.moments[-1].world
    assert (world.num_tokens, world.num_free_blocks, world.ahead) == (tokens, blocks, ahead)
    assert queues.ahead == ahead
    assert not plan.is_cut
    assert world.num_slots_used == len(queues.running)


def test_a_second_turn_counts_and_cuts_the_step() -> None:
    queues = some_queues()
    plan = plan_step(Script("visit next_decode", "visit last_served", "visit next_prompt"), queues, 5, LIMITS)
    assert [taken.lane for taken in plan.turns] == [Lane.DECODE, Lane.SERVED]
    assert plan.is_cut
    assert queues.share_of(queues.running[0]).num_tokens == 2


def test_a_turn_about_nobody_changes_nothing_and_cuts_the_step() -> None:
    queues = some_queues()
    plan = plan_step(Script("preempt next_waiting", "visit next_decode"), queues, 5, LIMITS)
    assert plan.is_cut
    assert plan.turns[-1].after.world == plan.opened.world
    assert len(queues.waiting) == 2


def test_equal_requests_are_told_apart() -> None:
    queues = StepQueues([request(4), request(4)], [])
    assert queues.next_running == queues.last_running
    assert queues.next_running is not queues.last_running
    plan_step(Script("visit next_running"), queues, 5, LIMITS)
    assert [queues.lane_of(each) for each in queues.running] == [Lane.SERVED, Lane.DECODE]


def test_an_engine_prefills_decodes_preempts_and_ends() -> None:
    engine = LoopEngine(Script("visit next_waiting"), LIMITS, 4)
    sizes = {"num_decode_tokens": 1, "priority": 0}
    engine.arrive("a", num_prompt_tokens=1, max_new_tokens=3, **sizes)
    engine.arrive("b", num_prompt_tokens=1, max_new_tokens=1, **sizes)
    engine.step()
    assert [(seat.name, seat.num_output_tokens, seat.request.num_blocks) for seat in engine.running] == [
        ("a", 1, 1)
    ]
    engine.loop = Script("preempt next_running", "visit next_waiting")
    step = engine.step()
    assert step.ended == ("b",)
    assert [seat.name for seat in engine.waiting] == ["a"]
    assert engine.waiting[0].request.need_prefill_tokens == 2
    assert (engine.running, engine.num_free_blocks) == ([], 4)


def test_the_rank_orders_both_queues() -> None:
    class ByPriority(Script):
        def rank(self, request: QueuedRequest) -> int:
            return request.priority

    engine = LoopEngine(ByPriority("visit next_waiting"), LIMITS, 4)
    for name, priority in (("late", 2), ("soon", 1), ("soon, too", 1)):
        engine.arrive(name, num_prompt_tokens=1, max_new_tokens=9, num_decode_tokens=1, priority=priority)
    assert [seat.name for seat in engine.step().before] == ["soon", "soon, too", "late"]
    assert [seat.name for seat in engine.running] == ["soon"]
