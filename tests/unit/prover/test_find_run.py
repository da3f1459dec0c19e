"""A violation is a run from an empty engine, replayed before anyone sees it; or none is found, and it says so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schedproof import POLICIES, REFERENCE, Role, ServingConfig
from schedproof_spec import INVARIANTS, ConfigWitness, RunWitness, Status, decide
from schedproof_spec.states.merged import MergedPolicy
from schedproof_spec.states.short_runs import BOUND, SHAPES, SIZES, RunShape
from schedproof_spec.verdicts import crowds, find_run
from schedproof_spec.verdicts.decide import answer, decide_where
from schedproof_spec.verdicts.question import Question
from schedproof_spec.verdicts.verdict_cache import without_cache

NO_OVERSHOOT = INVARIANTS["no_overshoot"]
SMALL = ServingConfig(max_num_seqs=4, max_num_batched_tokens=64, max_model_len=64, block_size=4, num_kv_blocks=200)


@pytest.fixture
def _few_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the shortest runs alone."""
    monkeypatch.setattr(find_run, "SHAPES", SHAPES[:3])


def question_of(policy_name: str, config: ServingConfig | None = None) -> Question:
    return Question(NO_OVERSHOOT, POLICIES[policy_name], config)


def found_in(question: Question) -> find_run.FoundRun:
    return find_run.find_run(question, MergedPolicy(question.policy))


def test_the_run_that_is_found_starts_empty_and_breaks_the_rule_in_its_last_step() -> None:
    question = question_of("7499")
    found = found_in(question)
    assert found.witness is not None
    assert found.bound == f"{BOUND}, {SIZES}"
    steps = list(found.witness.run(question.policy))
    assert NO_OVERSHOOT.on_run is not None
    assert [NO_OVERSHOOT.on_run(step, question.policy) for step in steps] == [True] * (len(steps) - 1) + [False]
    assert set(steps[0].before) == {a.request_id for a in found.witness.arrivals if a.before_step == 1}
    assert not question.policy.problems(found.witness.config)


@pytest.mark.usefixtures("_few_shapes")
def test_no_run_is_found_where_the_rule_is_kept() -> None:
    found = found_in(question_of("reference"))
    assert found.witness is None
    assert len(found.searches) == 3
    assert all(search.status is not Status.VIOLATED for search in found.searches)


def test_a_run_of_one_configuration_is_looked_for_among_crowds_too() -> None:
    found = found_in(question_of("reference", SMALL))
    assert found.witness is None
    assert found.bound == f"{crowds.BOUND}; {BOUND}"


@pytest.mark.usefixtures("_few_shapes")
def test_a_run_that_does_not_break_the_rule_on_numbers_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find_run, "breaks", lambda witness, question: False)
    with without_cache():
        verdict = answer(question_of("7499"))
    assert verdict.status is Status.UNDECIDED
    assert verdict.witness is None
    assert verdict.message.startswith("no proof (")
    assert verdict.message.endswith(f"no run found that breaks it: {BOUND}, {SIZES}")


def test_the_shapes_are_those_that_the_configuration_can_have() -> None:
    prefill = replace(SMALL, role=Role.PREFILL)
    assert find_run.shapes_of(question_of("7499")) == list(SHAPES)
    for config in (SMALL, prefill, replace(SMALL, role=Role.DECODE), replace(SMALL, max_multimodal_item_tokens=8)):
        shapes = find_run.shapes_of(question_of("7499", config))
        assert all(shape.role == config.role for shape in shapes)
        assert any(shape.has_item for shape in shapes) == (
            config.max_multimodal_item_tokens > 0 and config.role is not Role.DECODE
        )
    assert [shape.before_steps for shape in find_run.shapes_of(question_of("7499", prefill))] == [(1, 1)]


def test_a_run_keeps_to_the_condition() -> None:
    verdict = decide_where(NO_OVERSHOOT, POLICIES["original"], lambda config: config.max_num_seqs >= 3)
    assert verdict.status is Status.VIOLATED
    assert verdict.witness is not None
    assert verdict.witness.config.max_num_seqs >= 3


def test_a_rule_about_configurations_has_numbers_for_a_witness() -> None:
    verdict = decide(INVARIANTS["message_fits"], POLICIES["7499"])
    assert isinstance(verdict.witness, ConfigWitness)
    assert not verdict.witness.replay(INVARIANTS["message_fits"], POLICIES["7499"]).holds


def test_one_configuration_is_decided_by_runs_of_it() -> None:
    config = replace(SMALL, max_num_batched_tokens=64, max_multimodal_item_tokens=8)
    verdict = decide(NO_OVERSHOOT, POLICIES["7499"], config)
    assert verdict.status is Status.VIOLATED
    assert isinstance(verdict.witness, RunWitness)
    assert verdict.witness.config == config
    assert decide(NO_OVERSHOOT, REFERENCE, config).status is Status.HELD


def test_a_shape_is_told_in_words() -> None:
    assert RunShape(num_steps=1).bound == "1 request, 1 step"
    assert RunShape(num_steps=2, before_steps=(1, 2)).bound == "2 requests, 2 steps"
