"""Each check that reads the engine's own state fails when that state is wrong."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from schedproof import REFERENCE, ServingConfig
from schedproof.engines.fastdeploy.life.places import Place
from schedproof_gate.replay.checks import STEPS_PER_INVENTORY, CompletedStep, checks_of
from schedproof_gate.replay.nodes import WatchedEngine
from schedproof_spec import INVARIANTS

CONFIG = ServingConfig(max_num_batched_tokens=64, max_model_len=256, block_size=16, num_kv_blocks=32)


def completed(spoil: Callable[[WatchedEngine], None] = lambda engine: None) -> CompletedStep:
    engine = WatchedEngine(CONFIG)
    engine.add_request("a", 20, 9)
    engine.add_request("b", 90, 9)
    launch = engine.schedule()
    outcome = engine.complete()
    spoil(engine)
    return CompletedStep(
        index=STEPS_PER_INVENTORY, engine=engine, queues=engine.found, launch=launch, outcome=outcome
    )


def broken(step: CompletedStep) -> set[str]:
    return {check.rule.name for check in checks_of(CONFIG, REFERENCE) if not check.holds(step)}


def lose_a_block(engine: WatchedEngine) -> None:
    engine.pool.free.pop()


def list_a_block_twice(engine: WatchedEngine) -> None:
    table = engine.pool.tables["a"]
    table[-1] = table[0]


def free_a_held_block(engine: WatchedEngine) -> None:
    engine.pool.free.pop()
    engine.pool.free.append(engine.pool.tables["a"][0])


def compute_beyond_the_blocks(engine: WatchedEngine) -> None:
    engine.requests["a"] = replace(
        engine.requests["a"], num_computed_tokens=engine.requests["a"].num_blocks * 16 + 1
    )


def queue_twice(engine: WatchedEngine) -> None:
    engine.places[Place.WAITING].append("a")


def forget(engine: WatchedEngine) -> None:
    del engine.requests["a"]
    engine.places[Place.RUNNING].remove("a")


@pytest.mark.parametrize(
    ("spoil", "invariant"),
    [
        (lose_a_block, "blocks_conserved"),
        (list_a_block_twice, "blocks_conserved"),
        (free_a_held_block, "blocks_conserved"),
        (compute_beyond_the_blocks, "blocks_cover_tokens"),
        (queue_twice, "requests_conserved"),
        (forget, "requests_conserved"),
    ],
)
def test_a_spoilt_engine_is_noticed(spoil: Callable[[WatchedEngine], None], invariant: str) -> None:
    assert broken(completed()) == set()
    assert broken(completed(spoil)) == {invariant}


@pytest.mark.parametrize(("launch_tokens", "holds"), [(64, True), (63, False), (65, True)])
def test_a_launch_that_is_too_small_is_noticed(launch_tokens: int, holds: bool) -> None:
    step = completed()
    step = replace(step, launch=replace(step.launch, launch_tokens=launch_tokens))
    assert broken(step) == (set() if holds else {"launch_covers_step"})


def test_a_request_that_ended_and_is_still_somewhere_is_noticed() -> None:
    from schedproof import Ending

    step = completed()
    step = replace(step, outcome=replace(step.outcome, ended={"b": Ending.FINISHED}))
    assert broken(step) == {"requests_conserved"}


def test_every_invariant_of_a_planned_step_is_checked_where_it_applies() -> None:
    names = {check.rule.name for check in checks_of(CONFIG, REFERENCE)}
    planned = {name for name, rule in INVARIANTS.items() if rule.on_plan is not None and rule.applies(CONFIG)}
    assert planned < names
    assert "chunk_respects_items" not in names
    items = replace(CONFIG, max_multimodal_item_tokens=8)
    assert "chunk_respects_items" in {check.rule.name for check in checks_of(items, REFERENCE)}
