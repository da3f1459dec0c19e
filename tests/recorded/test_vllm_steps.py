"""The reference beside vLLM's own scheduler: each recorded step is planned again, and comes out the same."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from tests.recorded.vllm_steps import (
    FEATURES,
    FOLDER,
    engines_and_steps,
    lives_and_steps,
    planned,
    recorded,
    without_order,
)

from schedproof.engines.vllm.loop import StepPlan, schedule
from schedproof.engines.vllm.turns import Admission, Passing, Preemption, Skip, Visit

ROOT = Path(__file__).parents[2]

KNOWN_DIFFERENCES: dict[str, list[int]] = {}
"""Recorded steps that come out otherwise, by their number in the file; there is none."""


NOT_LIVED = ("prefix_caching",)
"""Files whose events the engine of the reference cannot go through."""


@pytest.mark.parametrize("feature", [feature for feature in FEATURES if feature not in NOT_LIVED])
def test_the_engine_lives_and_plans_as_vllm_did(feature):
    """From the events alone the engine finds in each step what vLLM found, and makes of it what vLLM made."""
    num_steps, differing = 0, []
    for number, (engine, life, step) in enumerate(lives_and_steps(FOLDER / f"{feature}.jsonl.gz"), start=1):
        where = f"{feature}, step {number} of the file"
        assert without_order(life.queues()) == without_order(engine.queues(step["before"])), where
        if planned(life.schedule().plan, engine) != recorded(engine, step):
            differing.append(number)
        assert [int(name) for name in life.waiting] == step["after"]["waiting"], where
        num_steps += 1
    assert num_steps >= 2000
    assert differing == KNOWN_DIFFERENCES.get(feature, [])


@pytest.mark.parametrize("feature", NOT_LIVED)
def test_each_step_is_planned_as_vllm_planned_it(feature):
    num_steps, differing = 0, []
    for number, (engine, step) in enumerate(engines_and_steps(FOLDER / f"{feature}.jsonl.gz"), start=1):
        plan = schedule(engine.queues(step["before"]), engine.config)
        if planned(plan, engine) != recorded(engine, step):
            differing.append(number)
        num_steps += 1
    assert num_steps >= 2000
    assert differing == KNOWN_DIFFERENCES.get(feature, [])


SEEN = {
    "preemption": lambda plan: bool(plan.preempted),
    "self": lambda plan: any(isinstance(turn, Preemption) and turn.request is turn.asking for turn in plan.turns),
    "refund": lambda plan: any(isinstance(turn, Preemption) and turn.returned.num_tokens for turn in plan.turns),
    "padded": lambda plan: any(isinstance(turn, Admission) and turn.grant.num_drafts for turn in plan.turns),
    "resumed": lambda plan: any(
        isinstance(turn, Admission) and turn.request.num_output_tokens for turn in plan.turns
    ),
    "cut": lambda plan: any(
        isinstance(turn, Visit) and turn.grant.num_drafts < turn.request.num_drafts for turn in plan.turns
    ),
    "skipped": lambda plan: any(isinstance(turn, Skip) for turn in plan.turns),
    "passed over": lambda plan: any(isinstance(turn, Passing) for turn in plan.turns),
    "unserved": lambda plan: bool(plan.unserved),
    "prefix found": lambda plan: any(
        isinstance(turn, Admission) and turn.request.num_cached_tokens for turn in plan.turns
    ),
    "prefix of nobody": lambda plan: any(
        isinstance(turn, Admission) and turn.request.num_free_cached_blocks for turn in plan.turns
    ),
    "shared by a victim": lambda plan: any(request.num_shared_blocks for request in plan.preempted),
    "encoded": lambda plan: any(entry.grant.items for entry in plan.batch),
    "found in the cache": lambda plan: any(item in plan.cache.used for item in plan.queues.cache.unused),
    "dropped from the cache": lambda plan: any(not plan.cache.holds(item) for item in plan.queues.cache.unused),
}


def seen_in(plan: StepPlan) -> list[str]:
    return [name for name, is_seen in SEEN.items() if is_seen(plan)]


@pytest.mark.parametrize(
    ("feature", "least"),
    [
        ("ngram", {"cut": 20, "padded": 10, "unserved": 10}),
        ("draft_model", {"cut": 20, "padded": 10, "unserved": 5}),
        ("mtp_modules", {"skipped": 20, "passed over": 20}),
        ("tight_pools", {"preemption": 50, "self": 20, "resumed": 50}),
        ("priority_tight_pools", {"preemption": 50, "self": 20, "refund": 10, "resumed": 50}),
        ("asynchronous", {"skipped": 50, "padded": 5, "unserved": 20}),
        ("asynchronous_tight_pools", {"preemption": 50, "passed over": 10, "refund": 1}),
        ("prefix_caching", {"prefix found": 50, "prefix of nobody": 20, "shared by a victim": 2, "padded": 10}),
        ("items", {"encoded": 100, "skipped": 100, "passed over": 100, "dropped from the cache": 50}),
        ("items_by_priority", {"refund": 20, "found in the cache": 100, "dropped from the cache": 100}),
    ],
)
def test_a_file_has_what_it_is_about(feature, least):
    seen = Counter[str]()
    for engine, step in engines_and_steps(FOLDER / f"{feature}.jsonl.gz"):
        seen.update(seen_in(schedule(engine.queues(step["before"]), engine.config)))
    assert all(seen[name] >= number for name, number in least.items()), seen


def never_run(feature):
    """Yield the numbers of steps in which vLLM counts on an item that no step has sent to the encoder."""
    at_hand, sent = None, set()
    for number, (engine, step) in enumerate(engines_and_steps(FOLDER / f"{feature}.jsonl.gz"), start=1):
        if engine is not at_hand:
            at_hand, sent = engine, set()
        plan = schedule(engine.queues(step["before"]), engine.config)
        sent |= {item for entry in plan.batch for item in entry.grant.items}
        needed = {entry.request.request_id for entry in plan.batch}
        if any(item.request_id in needed and item not in sent for item in plan.cache.used):
            yield number


def test_vllm_counts_on_an_item_that_it_never_ran():
    """What a victim was given in the same step stays in the cache, and the encoder does not run it any more."""
    assert list(never_run("items")) == []
    assert len(list(never_run("items_by_priority"))) > 0


def counts_of(feature):
    """Return how many engines and steps a file has."""
    steps = [engine for engine, _ in engines_and_steps(FOLDER / f"{feature}.jsonl.gz")]
    return len({id(engine) for engine in steps}), len(steps)


def test_the_pages_say_how_many_steps_there_are():
    counts = {feature: counts_of(feature) for feature in FEATURES}
    num_engines, num_steps = (sum(numbers) for numbers in zip(*counts.values(), strict=True))
    recorded_page = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert f" {num_steps:,} steps of {num_engines}\nengines." in recorded_page
    for feature, (engines, steps) in counts.items():
        row = next(line for line in recorded_page.splitlines() if line.startswith(f"| `{feature}` |"))
        assert row.endswith(f"| {engines} | {steps:,} |")
    page = (ROOT / "docs" / "vllm.md").read_text(encoding="utf-8")
    assert f"[{num_steps:,} recorded steps](../tests/recorded/vllm/README.md) of {num_engines} engines" in page
    assert f"{num_steps:,} " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
