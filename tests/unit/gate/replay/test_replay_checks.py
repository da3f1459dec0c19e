"""Each check that reads the engine's own state fails when that state is wrong."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from schedproof import REFERENCE, Ending, Engine, ServingConfig
from schedproof.engines.fastdeploy.life.places import Place
from schedproof_gate.replay.checks import STEPS_PER_INVENTORY, CompletedStep, checks_of
from schedproof_spec import INVARIANTS
from schedproof_spec.states.runs import RunStep

CONFIG = ServingConfig(max_num_batched_tokens=64, max_model_len=256, block_size=16, num_kv_blocks=32)


def completed(spoil: Callable[[Engine], None] = lambda engine: None) -> CompletedStep:
    engine = Engine(CONFIG)
    engine.add_request("a", 20, 9)
    engine.add_request("b", 90, 9)
    before = dict(engine.requests)
    engine.schedule()
    launched = dict(engine.requests)
    outcome = engine.complete()
    spoil(engine)
    step = RunStep(config=CONFIG, before=before, launched=launched, after=dict(engine.requests), outcome=outcome)
    return CompletedStep(index=STEPS_PER_INVENTORY, engine=engine, step=step)


def with_outcome(done: CompletedStep, **changes: object) -> CompletedStep:
    return replace(done, step=replace(done.step, outcome=replace(done.step.outcome, **changes)))  # type: ignore[arg-type]


def broken(done: CompletedStep) -> set[str]:
    return {check.name for check in checks_of(CONFIG, REFERENCE) if not check.holds(done)}


def lose_a_block(engine: Engine) -> None:
    engine.pool.free.pop()


def list_a_block_twice(engine: Engine) -> None:
    table = engine.pool.tables["a"]
    table[-1] = table[0]


def free_a_held_block(engine: Engine) -> None:
    engine.pool.free.pop()
    engine.pool.free.append(engine.pool.tables["a"][0])


def compute_beyond_the_blocks(engine: Engine) -> None:
    engine.requests["a"] = replace(
        engine.requests["a"], num_computed_tokens=engine.requests["a"].num_blocks * 16 + 1
    )


def queue_twice(engine: Engine) -> None:
    engine.places[Place.WAITING].append("a")


def forget(engine: Engine) -> None:
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
def test_a_spoilt_engine_is_noticed(spoil: Callable[[Engine], None], invariant: str) -> None:
    assert broken(completed()) == set()
    assert broken(completed(spoil)) == {invariant}


@pytest.mark.parametrize(("launch_tokens", "holds"), [(64, True), (63, False), (65, True)])
def test_a_launch_that_is_too_small_is_noticed(launch_tokens: int, holds: bool) -> None:
    done = completed()
    done = with_outcome(done, launch=replace(done.step.outcome.launch, launch_tokens=launch_tokens))
    assert broken(done) == (set() if holds else {"launch_covers_step"})


def test_a_request_that_ended_and_is_still_somewhere_is_noticed() -> None:
    assert broken(with_outcome(completed(), ended={"b": Ending.FINISHED})) == {"requests_conserved"}


def with_budgets(done: CompletedStep, *budgets: int) -> CompletedStep:
    plan = done.step.plan
    turns = tuple(
        replace(turn, after=replace(turn.after, budget=budget))
        for turn, budget in zip(plan.turns, budgets, strict=True)
    )
    launch = replace(done.step.outcome.launch, plan=replace(plan, turns=turns))
    return with_outcome(done, launch=launch)


@pytest.mark.parametrize(("budgets", "holds"), [((44, 0), True), ((-1, 0), False), ((0, -1), False)])
def test_a_budget_is_noticed_that_is_negative_at_any_point(budgets: tuple[int, int], holds: bool) -> None:
    assert broken(with_budgets(completed(), *budgets)) == (set() if holds else {"budget_nonnegative"})


def test_every_invariant_that_a_step_can_break_is_checked_where_it_applies() -> None:
    names = [check.name for check in checks_of(CONFIG, REFERENCE)]
    of_steps = {name for name, rule in INVARIANTS.items() if rule.on_run is not None and rule.applies(CONFIG)}
    of_engines = {"blocks_conserved", "requests_conserved", "launch_covers_step"}
    assert set(names) == (of_steps | of_engines) - {"progress"}
    assert names == [name for name in INVARIANTS if name in names]
    assert "chunk_respects_items" not in names
    items = replace(CONFIG, max_multimodal_item_tokens=8)
    assert "chunk_respects_items" in {check.name for check in checks_of(items, REFERENCE)}
