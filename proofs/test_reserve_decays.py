"""The output reserve is whole at first and after a preemption, decays step by step, and stops at its minimum."""

from __future__ import annotations

import pytest
from proofs.mutants.mutant import Mutant
from proofs.theorems import check_held, check_refuted

from schedproof.engines.fastdeploy.rules.output_reserve import (
    OutputReserve,
    ReserveState,
    reserve_after_step,
    reserved_blocks_per_seq,
)

STEPS_PER_BLOCK = (1, 2, 7, 40)


def decay(ctx):
    """A block is lost in the first step, and one in every round of steps from then on."""
    initial, minimum = ctx.integer("initial_blocks", 0), ctx.integer("minimum_blocks", 0)
    steps_per_block = ctx.one_of("steps_per_block", STEPS_PER_BLOCK)
    reserve = OutputReserve(initial_blocks=initial, steps_per_block=steps_per_block, minimum_blocks=minimum)
    num_steps = ctx.integer("num_steps_since_reset", 0)

    def blocks_after(steps):
        return ctx.merged(lambda: reserved_blocks_per_seq(reserve, ReserveState(num_steps=steps)))

    def at_least_minimum(blocks):
        return ctx.merged(lambda: max(blocks, minimum))

    now, later = blocks_after(num_steps), blocks_after(num_steps + steps_per_block)
    ctx.prove("at first it is whole", blocks_after(0) == at_least_minimum(initial))
    ctx.prove("the first step takes a block", blocks_after(1) == at_least_minimum(initial - 1))
    ctx.prove("so does each round of steps", later == at_least_minimum(now - 1))
    ctx.prove("it never grows", blocks_after(num_steps + 1) <= now)


def restart(ctx):
    """A preemption makes the reserve whole again, and any other step, with or without tasks, counts as one."""
    reserve, before = OutputReserve(), ReserveState(num_steps=ctx.integer("num_steps", 0))
    has_preempted, has_tasks = ctx.boolean("has_preempted"), ctx.boolean("has_tasks")
    after = ctx.merged(lambda: reserve_after_step(reserve, before, has_preempted, has_tasks).num_steps)
    ctx.prove("whole after a preemption", ctx.merged(lambda: not has_preempted or after == 0))
    ctx.prove("one step more", ctx.merged(lambda: has_preempted or after == before.num_steps + 1))


def reserve_mutant(name, function, old, new):
    module = "schedproof.engines.fastdeploy.rules.output_reserve"
    return Mutant(name=name, module=module, function=function, old=old, new=new)


RULES = {
    decay: (
        "a reserve of any size that loses a block in 1, 2, 7 or 40 steps, after any number of steps",
        reserve_mutant(
            "grow with every step", "reserved_blocks_per_seq", "initial_blocks - lost", "initial_blocks + lost"
        ),
    ),
    restart: (
        "any number of steps",
        reserve_mutant("never reset after a preemption", "reserve_after_step", "0 if has_preempted else ", ""),
    ),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_reserve_decays(rule, theorem):
    scope, _ = RULES[rule]
    check_held(f"reserve: {rule.__name__}", rule, theorem, scope=scope)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.__name__}: {RULES[rule][1].name}")
def test_mutant_is_refuted(rule, theorem):
    scope, mutant = RULES[rule]
    check_refuted(f"reserve: {rule.__name__}", rule, mutant, theorem, scope=scope)


def test_presets_are_fastdeploys():
    preset = OutputReserve()
    assert (preset.initial_blocks, preset.steps_per_block, preset.minimum_blocks) == (16, 40, 0)


@pytest.mark.parametrize(("field", "least"), [("steps_per_block", 1), ("minimum_blocks", 0)])
def test_a_reserve_decays_and_is_not_negative(field, least):
    OutputReserve(**{field: least})
    with pytest.raises(ValueError, match=f"{field}: expected a whole number of {least} or more, got {least - 1}"):
        OutputReserve(**{field: least - 1})
