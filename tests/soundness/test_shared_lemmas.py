"""What is proved once and used often: where the shared theorem does not hold, nothing that builds on it holds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from proofs.mutants.mutant import Mutant

from schedproof import REFERENCE
from schedproof_spec import INVARIANTS, Status, decide
from schedproof_spec.states.ledger import nothing
from schedproof_spec.theorems.budget import BUDGET_NONNEGATIVE, EVERY_TURN_POSSIBLE
from schedproof_spec.verdicts.decide import proof_alone
from schedproof_spec.verdicts.proved import proved
from schedproof_spec.verdicts.question import Question
from schedproof_spec.verdicts.verdict_cache import without_cache

UNCOUNTED = Mutant(
    name="count no slot of an admission",
    module="schedproof.engines.fastdeploy.turns",
    function="admit",
    old="ledger.num_slots_used if request.holds_slot else ledger.num_slots_used + 1",
    new="ledger.num_slots_used",
)
"""The budget stays right; the account of the slots does not, so that no step can be said to be possible."""


def test_what_may_be_taken_for_granted_comes_with_possible_steps() -> None:
    """An induction that is given another one does not prove again that a step is possible: that one has."""
    bases = {invariant.builds_on.name for invariant in INVARIANTS.values() if invariant.builds_on is not None}
    assert bases == {BUDGET_NONNEGATIVE.name}
    assert BUDGET_NONNEGATIVE.builds_on is None
    assert BUDGET_NONNEGATIVE.covers >= EVERY_TURN_POSSIBLE


@pytest.fixture
def broken_lemma() -> Iterator[None]:
    """Change the code so that a step need not be possible, and nothing else."""
    with UNCOUNTED.applied(), without_cache():
        yield


def test_the_shared_theorem_sees_the_change(broken_lemma: None) -> None:
    outcome = proved(Question(BUDGET_NONNEGATIVE, REFERENCE)).outcome
    assert outcome.status is Status.VIOLATED
    assert outcome.reason == "admission: the step is possible"


@pytest.mark.parametrize("name", ["no_overshoot", "chunk_capacity_covers_step", "budget_tight"])
def test_no_induction_holds_without_it(name: str, broken_lemma: None) -> None:
    question = Question(INVARIANTS[name], REFERENCE)
    assert proof_alone(question).status is Status.VIOLATED
    found = proved(question)
    assert found.lemma is None
    assert found.given is nothing
    assert found.outcome.status is Status.VIOLATED


def test_a_proof_names_what_it_builds_on() -> None:
    found = proved(Question(INVARIANTS["no_overshoot"], REFERENCE))
    assert found.outcome.status is Status.HELD
    assert found.lemma is BUDGET_NONNEGATIVE
    assert decide(INVARIANTS["no_overshoot"], REFERENCE).builds_on == BUDGET_NONNEGATIVE.name
    assert decide(BUDGET_NONNEGATIVE, REFERENCE).builds_on is None
