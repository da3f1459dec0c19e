"""The reference beside FastDeploy's own scheduler: each recorded step is planned again, and comes out the same."""

from __future__ import annotations

import pytest
from tests.recorded.steps import FEATURES, asks_past_a_held_slot, batch_of, engines_and_steps

from schedproof import POLICIES, schedule
from schedproof.engines.fastdeploy.rules.output_reserve import (
    OutputReserve,
    ReserveState,
    published_reserve_after_step,
    reserved_blocks_per_seq,
)
from schedproof.engines.fastdeploy.rules.token_ratio import RatioReserve, TokenRatio


def without_decode_tokens(batch):
    """A decode is recorded with what FastDeploy charges for it, which its policy says once for a step."""
    return [[name, what, None if what == "decode" else tokens, blocks] for name, what, tokens, blocks in batch]


@pytest.mark.parametrize("feature", FEATURES)
def test_each_step_is_planned_as_fastdeploy_planned_it(feature):
    num_steps = 0
    for number, (engine, step) in enumerate(engines_and_steps(feature), start=1):
        queues = engine.queues(step["before"])
        plan = schedule(queues, engine.config, POLICIES[engine.version])
        where = f"{feature}, step {number} of the file"
        batch = without_decode_tokens(step["batch"])
        assert batch_of(plan) == batch or asks_past_a_held_slot(plan, batch), where
        assert [int(request.request_id) for request in plan.preempted] == step["preempted"], where
        assert plan.final.budget == step["budget"], where
        assert plan.final.num_free_blocks == step["after"]["free"], where
        num_steps += 1
    assert num_steps > 900


@pytest.mark.parametrize("feature", [feature for feature in FEATURES if feature.startswith("7444/")])
def test_the_token_ratio_is_fastdeploys_to_the_last_bit(feature):
    at_hand, expected = None, None
    num_compared = num_estimated = 0
    for engine, step in engines_and_steps(feature):
        if engine is not at_hand:
            at_hand, expected = engine, None
        if not isinstance(engine.reserve, TokenRatio):
            continue
        queues = engine.queues(step["before"])
        if expected is None:
            expected = RatioReserve(settings=engine.reserve, ratio=engine.reserve.initial)
        assert queues.ratio_reserve == expected
        plan = schedule(queues, engine.config, POLICIES[engine.version])
        expected = plan.ratio_reserve_after(engine.config)
        num_compared += 1
        num_estimated += bool(plan.preempted)
    assert num_compared > 0
    assert num_estimated > 0 or feature not in ESTIMATING


ESTIMATING = ("7444/prompts_beside_victims", "7444/tight_pools", "7444/decode_node")
"""Files in which preemption estimates the ratio again."""


@pytest.mark.parametrize("feature", [feature for feature in FEATURES if not feature.startswith("7444/prompts_")])
def test_the_reserve_decays_as_fastdeploys_does(feature):
    """Where the decay is a whole number of steps a block; the others add fractions up in floating point."""
    at_hand, state = None, ReserveState(is_relaxed=True)
    num_compared = 0
    for engine, step in engines_and_steps(feature):
        if engine is not at_hand:
            at_hand, state = engine, ReserveState(is_relaxed=True)
        if not isinstance(engine.reserve, OutputReserve):
            continue
        expected = 0 if step["before"]["relaxed"] else step["before"]["reserve"]
        assert reserved_blocks_per_seq(engine.reserve, state) == expected
        plan = schedule(engine.queues(step["before"]), engine.config, POLICIES[engine.version])
        state = published_reserve_after_step(engine.reserve, state, bool(plan.preempted), plan.has_tasks)
        num_compared += 1
    assert num_compared > 0
