"""The reference beside FastDeploy's own scheduler: each recorded step is planned again, and comes out the same."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from tests.recorded.steps import FEATURES, FOLDER, asks_past_a_held_slot, batch_of, engines_and_steps

from schedproof import POLICIES, schedule
from schedproof.engines.fastdeploy.rules.output_reserve import (
    OutputReserve,
    ReserveState,
    published_reserve_after_step,
    reserved_blocks_per_seq,
)
from schedproof.engines.fastdeploy.rules.token_ratio import RatioReserve, TokenRatio

ROOT = Path(__file__).parents[2]


def without_decode_tokens(batch):
    """A decode is recorded with what FastDeploy charges for it, which its policy says once for a step."""
    return [[name, what, None if what == "decode" else tokens, blocks] for name, what, tokens, blocks in batch]


ASKED_PAST_A_HELD_SLOT = {"7444/deterministic": [1358]}
"""The recorded steps that are known to come out otherwise, by their number in the file."""


@pytest.mark.parametrize("feature", FEATURES)
def test_each_step_is_planned_as_fastdeploy_planned_it(feature):
    num_steps, differing = 0, []
    for number, (engine, step) in enumerate(engines_and_steps(feature), start=1):
        queues = engine.queues(step["before"])
        plan = schedule(queues, engine.config, POLICIES[engine.version])
        where = f"{feature}, step {number} of the file"
        batch = without_decode_tokens(step["batch"])
        if batch_of(plan) != batch:
            assert asks_past_a_held_slot(plan, batch), where
            differing.append(number)
        assert [int(request.request_id) for request in plan.preempted] == step["preempted"], where
        assert plan.final.budget == step["budget"], where
        assert plan.final.num_free_blocks == step["after"]["free"], where
        num_steps += 1
    assert num_steps > 900
    assert differing == ASKED_PAST_A_HELD_SLOT.get(feature, [])


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


def num_steps_of(feature):
    """Count the steps of a file; the other lines announce an engine."""
    with gzip.open(FOLDER / f"{feature}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return sum('"schema"' not in line for line in lines)


def test_documents_say_how_many_steps_there_are():
    numbers = {feature: num_steps_of(feature) for feature in FEATURES}
    of_7444 = sum(number for feature, number in numbers.items() if feature.startswith("7444/"))
    total = sum(numbers.values())
    recorded = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert f" {total - of_7444:,} steps of " in recorded
    assert f" {of_7444:,} steps of " in recorded
    for document in ("README.md", "CHANGELOG.md"):
        assert f"{total:,} " in (ROOT / document).read_text(encoding="utf-8")
