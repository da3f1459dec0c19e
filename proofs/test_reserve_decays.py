"""The output reserve is whole at first, loses one block in a fixed number of steps, and stops at its minimum."""

from __future__ import annotations

import pytest
from proofs.mutants.mutant import Mutant
from proofs.theorems import check_held, check_refuted

from schedproof.engines.fastdeploy.rules.output_reserve import OutputReserve, reserved_blocks_per_seq

STEPS_PER_BLOCK = (1, 2, 7, 40)


def decay(ctx):
    initial, minimum = ctx.integer("initial_blocks", 0), ctx.integer("minimum_blocks", 0)
    steps_per_block = ctx.one_of("steps_per_block", STEPS_PER_BLOCK)
    reserve = OutputReserve(initial_blocks=initial, steps_per_block=steps_per_block, minimum_blocks=minimum)
    num_steps = ctx.integer("num_steps_since_reset", 0)

    def blocks_after(steps):
        return ctx.merged(lambda: reserved_blocks_per_seq(reserve, steps))

    def at_least_minimum(blocks):
        return ctx.merged(lambda: max(blocks, minimum))

    now, later = blocks_after(num_steps), blocks_after(num_steps + steps_per_block)
    ctx.prove("at first it is whole", blocks_after(0) == at_least_minimum(initial))
    ctx.prove("the first step takes a block", blocks_after(1) == at_least_minimum(initial - 1))
    ctx.prove("so does each round of steps", later == at_least_minimum(now - 1))
    ctx.prove("it never grows", blocks_after(num_steps + 1) <= now)


GROWING = Mutant(
    name="grow with every step",
    module="schedproof.engines.fastdeploy.rules.output_reserve",
    function="reserved_blocks_per_seq",
    old="initial_blocks - lost",
    new="initial_blocks + lost",
)
SCOPE = "a reserve of any size that loses a block in 1, 2, 7 or 40 steps, after any number of steps"


def test_reserve_decays(theorem):
    check_held("reserve: decay", decay, theorem, scope=SCOPE)


def test_mutant_is_refuted(theorem):
    check_refuted("reserve: decay", decay, GROWING, theorem, scope=SCOPE)


def test_presets_are_fastdeploys():
    preset = OutputReserve()
    assert (preset.initial_blocks, preset.steps_per_block, preset.minimum_blocks) == (16, 40, 0)


@pytest.mark.parametrize(("field", "least"), [("steps_per_block", 1), ("minimum_blocks", 0)])
def test_a_reserve_decays_and_is_not_negative(field, least):
    OutputReserve(**{field: least})
    with pytest.raises(ValueError, match=f"{field}: expected {least} or more, got {least - 1}"):
        OutputReserve(**{field: least - 1})
