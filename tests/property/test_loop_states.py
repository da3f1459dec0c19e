"""Every state that a loop gets to is among those that its induction draws; on random runs of the examples."""

from __future__ import annotations

import dataclasses
import enum
import random
from pathlib import Path
from typing import Any

import pytest
from soundness.loop_cases import CLASSES, example

from schedproof.step_loop import QueuedRequest
from schedproof.step_loop.driver import StepQueues
from schedproof.step_loop.engine import LoopEngine
from schedproof_spec.prover.context import ConcreteContext
from schedproof_spec.prover.subset.loops import read_loop
from schedproof_spec.states.asked_loop import AskedLoop
from schedproof_spec.states.loop_runs import claims_of_step
from schedproof_spec.theorems.loops import PARTS, TURN, induction
from schedproof_spec.verdicts.inductive import ASSUMABLE

NUM_RUNS, NUM_STEPS = 25, 14


class Watched:
    """A loop that asks, before each of its turns, whether the induction draws this state, and proves it."""

    def __init__(self, asked: AskedLoop) -> None:
        self.asked = asked
        self.num_states = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.asked, name)

    def next_turn(self, ledger: Any, queues: StepQueues, limits: Any) -> Any:
        values = {"part": PARTS.index(TURN), **numbers("limits", limits), **numbers("ledger", ledger)}
        values |= numbers_of(queues) | {"num_free_blocks": self.asked.view(ledger, limits).num_free_blocks}
        ctx = ConcreteContext(values)
        induction(ctx, self.asked, ASSUMABLE)
        assert ctx.failed == []
        self.num_states += 1
        return self.asked.next_turn(ledger, queues, limits)


def numbers(name: str, record: Any) -> dict[str, int]:
    """Return the fields of a dataclass by the names under which a theorem draws them."""
    found = {f"{name}.{each.name}": getattr(record, each.name) for each in dataclasses.fields(record)}
    return {key: index_of(value) if isinstance(value, enum.Enum) else int(value) for key, value in found.items()}


def index_of(member: enum.Enum) -> int:
    return list(type(member)).index(member)


def numbers_of(queues: StepQueues) -> dict[str, int]:
    """Return what a theorem draws of the queues."""
    left = [each for each in queues.running if queues.share_of(each).num_tokens == 0]
    values = dict(vars_of(queues.ahead))
    values["num_tokens"] = sum(queues.share_of(each).num_tokens for each in queues.running)
    prompts = [each for each in left if not each.is_decoding]
    drawn: dict[str, QueuedRequest | None] = {
        "decode": queues.next_decode,
        "prompt": queues.next_prompt,
        "waiting": queues.next_waiting,
        "last_decode": queues.last_decode,
        "last_prompt": prompts[-1] if prompts else None,
        "served": queues.last_served.request if queues.last_served is not None else None,
    }
    for name, request in drawn.items():
        if request is not None:
            values |= numbers(name, request)
    if queues.last_served is not None:
        values["served.num_tokens"] = queues.last_served.num_tokens
        values["served.num_new_blocks"] = queues.last_served.num_new_blocks
    for name, request in (("next", queues.next_running), ("last", queues.last_running)):
        if request is not None:
            values[f"the_{name}_one_decodes"] = int(request.is_decoding)
    return values | {"num_kept_tokens": 0}


def vars_of(record: Any) -> dict[str, int]:
    return {each.name: getattr(record, each.name) for each in dataclasses.fields(record)}


def any_limits(kind: type, chance: random.Random) -> Any:
    values: dict[str, Any] = {each.name: chance.randint(0, 9) for each in dataclasses.fields(kind)}
    values |= {"max_num_batched_tokens": chance.randint(1, 12), "max_num_seqs": chance.randint(1, 4)}
    values |= {"tokens_per_seq": chance.randint(1, 3), "block_size": chance.randint(1, 3)}
    return kind(**values)


@pytest.mark.parametrize("name", CLASSES)
def test_what_a_run_gets_to_is_drawn_and_keeps_every_rule(name: str, tmp_path: Path) -> None:
    loop = example(name, tmp_path)
    asked, chance = AskedLoop(loop, read_loop(loop)), random.Random(name)
    watched = Watched(asked)
    num_ended = num_preempted = 0
    for _ in range(NUM_RUNS):
        limits = any_limits(loop.limits_type, chance)
        if not asked.accepts(limits):
            continue
        engine = LoopEngine(watched, limits, chance.randint(2, 9))  # type: ignore[arg-type]
        for number in range(NUM_STEPS):
            if number < 6:
                engine.arrive(
                    f"request[{number}]",
                    num_prompt_tokens=chance.randint(1, 8),
                    max_new_tokens=chance.randint(1, 4),
                    num_decode_tokens=chance.randint(1, limits.tokens_per_seq),
                    priority=chance.randint(0, 2),
                )
            step = engine.step()
            num_ended += len(step.ended)
            num_preempted += sum(type(taken.turn).__name__ == "Preemption" for taken in step.plan.turns)
            assert not step.plan.is_cut
            assert all(holds() for _, (_, holds) in claims_of_step(step, asked, limits))
    assert watched.num_states > 200
    assert num_ended > 20
    assert num_preempted > 0
